// The composer's form: find a key, only what is set, items that move, files that are read at once, the panel beside it.
"use strict";

(() => {
  const form = () => document.getElementById("composer");
  let isDirty = false;

  // Long lists of what can be chosen begin folded where there is no room.
  const isNarrow = () => matchMedia("(max-width: 700px)").matches;
  const fieldsOf = (element) => element.querySelectorAll("input[name], select[name], textarea[name]");

  function says(field) {
    if (field.type === "hidden" || field.name === "revision") return field.name.startsWith("i:");
    if (field.type === "radio" || field.type === "checkbox") return field.checked && field.value !== "";
    if (field.name.startsWith("v:") || field.name.startsWith("y:") || field.name.startsWith("n:")) return field.value !== "";
    return field.type === "file" && field.files.length > 0;
  }

  // What is set is told from the fields as they are now, not from what was stored.
  function tellSet() {
    const root = form();
    if (!root) return;
    root.querySelectorAll(".c-key").forEach((key) => key.classList.toggle("is-set", [...fieldsOf(key)].some(says)));
    root.querySelectorAll(".c-container, .c-section").forEach((box) => {
      const items = box.querySelectorAll(":scope > .c-items > .c-item").length;
      const keys = box.querySelectorAll(":scope > .c-keys > .c-key.is-set, :scope > .c-keys > .c-items > .c-key.is-set").length;
      const isList = box.querySelector(":scope > ol.c-items");
      const number = isList ? items : keys + items;
      const count = box.querySelector(":scope > summary .c-count");
      if (count) count.textContent = number ? `${number} ${isList ? "item" : "key"}${number === 1 ? "" : "s"}${isList ? "" : " set"}` : "";
    });
  }

  function filter() {
    const root = form();
    const find = document.getElementById("c-find");
    if (!root || !find) return;
    const words = find.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const isOnly = document.getElementById("c-only").checked;
    const matches = (key) => words.every((word) => key.dataset.find?.includes(word));
    const keys = [...root.querySelectorAll(".c-key")];
    const isShown = new Map();
    // Inner keys come after outer ones, so going backwards a box knows of what is in it.
    keys.reverse().forEach((key) => {
      const isInMatch = words.length > 0 && key.parentElement.closest(".c-container") && matches(key.parentElement.closest(".c-container"));
      const inner = [...key.querySelectorAll(".c-key")].some((each) => isShown.get(each));
      const shown = inner || ((matches(key) || isInMatch) && (!isOnly || key.classList.contains("is-set")));
      isShown.set(key, shown);
      key.hidden = !shown;
      if (words.length && inner && key.tagName === "DETAILS") key.open = true;
    });
    root.querySelectorAll(".c-section").forEach((section) => {
      const inner = section.querySelectorAll(".c-key");
      const some = [...inner].some((key) => !key.hidden);
      section.hidden = (words.length > 0 || isOnly) && !some;
      if (words.length && some) section.open = true;
    });
    root.querySelectorAll(".c-quiet, .c-empty").forEach((each) => { each.hidden = words.length > 0 || isOnly; });
    const none = root.querySelector(".c-none");
    if (none) none.hidden = !(words.length || isOnly) || keys.some((key) => !key.hidden);
  }

  let timer = 0;
  let latest = 0;
  async function refreshPanel() {
    const panel = document.getElementById("panel");
    const address = panel?.querySelector("[data-preview]")?.dataset.preview;
    if (!address) return;
    const data = new URLSearchParams();
    for (const [name, value] of new FormData(form())) if (typeof value === "string") data.append(name, value);
    const number = ++latest;
    const answer = await fetch(address, { method: "POST", body: data, headers: { "X-CSRFToken": data.get("csrfmiddlewaretoken") } });
    if (!answer.ok || answer.redirected || number !== latest) return;
    const scroll = panel.querySelector(".c-plist")?.scrollTop ?? 0;
    panel.innerHTML = await answer.text();
    htmx.process(panel);
    panel.querySelector(".c-plist").scrollTop = scroll;
  }

  function changed() {
    isDirty = true;
    const state = document.getElementById("c-state");
    if (state) state.textContent = "Not saved yet";
    tellSet();
    clearTimeout(timer);
    timer = setTimeout(refreshPanel, 350);
  }

  function goTo(id) {
    const element = document.getElementById(id);
    if (!element) return;
    const find = document.getElementById("c-find");
    if (find) { find.value = ""; document.getElementById("c-only").checked = false; filter(); }
    for (let box = element; box; box = box.parentElement) if (box.tagName === "DETAILS") box.open = true;
    element.scrollIntoView({ block: "center" });
    element.classList.remove("is-found");
    void element.offsetWidth;
    element.classList.add("is-found");
    element.querySelector("input:not([type=hidden]), select, textarea, summary")?.focus({ preventScroll: true });
  }

  async function upload(input) {
    const box = input.closest("[data-upload]");
    if (!box || !input.files.length) return;
    const data = new FormData();
    data.append("file", input.files[0]);
    const token = form().querySelector("[name=csrfmiddlewaretoken]").value;
    const answer = await fetch(box.dataset.upload, { method: "POST", body: data, headers: { "X-CSRFToken": token } });
    if (!answer.ok || answer.redirected) return;
    box.outerHTML = await answer.text();
    changed();
  }

  function uuid() {
    return crypto.randomUUID ? crypto.randomUUID().toUpperCase() : "10000000-1000-4000-8000-100000000000".replace(/[018]/g,
      (c) => (c ^ (crypto.getRandomValues(new Uint8Array(1))[0] & (15 >> (c / 4)))).toString(16)).toUpperCase();
  }

  document.addEventListener("click", (event) => {
    const target = event.target;
    if (isDirty && target.closest("[data-needs-saved]")) {
      event.preventDefault();
      event.stopImmediatePropagation();
      document.dispatchEvent(new CustomEvent("console:done", { detail: { message: "Save the draft first." } }));
      return;
    }
    const move = target.closest("[data-move]");
    if (move) {
      const item = move.closest(".c-item");
      const other = move.dataset.move === "-1" ? item.previousElementSibling : item.nextElementSibling;
      if (other) { if (move.dataset.move === "-1") other.before(item); else other.after(item); move.focus(); changed(); }
      return;
    }
    const out = target.closest("[data-take-out]");
    if (out) {
      const item = out.closest(".c-item");
      const next = item.nextElementSibling?.querySelector("[data-take-out]") ?? item.parentElement.nextElementSibling;
      item.remove();
      (next?.matches?.("button") ? next : next?.querySelector?.("button"))?.focus();
      changed();
      return;
    }
    const link = target.closest("[data-goto]");
    if (link) { event.preventDefault(); goTo(link.hash.slice(1)); return; }
    const make = target.closest("[data-make-uuid]");
    if (make) { document.getElementById(make.dataset.makeUuid).value = uuid(); changed(); }
  }, true);

  document.addEventListener("input", (event) => {
    const target = event.target;
    if (target.id === "c-find") { filter(); return; }
    if (target.matches("[data-filter-payloads]")) {
      const words = target.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
      const body = target.closest(".c-choose, .e-content");
      body.querySelectorAll(".c-group").forEach((group) => {
        group.querySelectorAll(".c-pick").forEach((pick) => { pick.hidden = !words.every((word) => pick.dataset.find.includes(word)); });
        group.hidden = ![...group.querySelectorAll(".c-pick")].some((pick) => !pick.hidden);
        group.open = words.length > 0 || !isNarrow();
      });
      body.querySelector("[data-none]").hidden = [...body.querySelectorAll(".c-group")].some((group) => !group.hidden);
      return;
    }
    if (target.name && target.closest("#composer")) changed();
  });

  document.addEventListener("change", (event) => {
    if (event.target.id === "c-only") { tellSet(); filter(); }
    if (event.target.type !== "file" || !event.target.closest("[data-upload]")) return;
    // The theme listens to file fields too, and looks for a text field that only its own have.
    event.stopImmediatePropagation();
    upload(event.target);
  }, true);

  document.addEventListener("keydown", (event) => {
    if (event.key === "s" && (event.metaKey || event.ctrlKey) && form()) { event.preventDefault(); form().requestSubmit(); }
    // Enter in the search of payload types takes the one of that name, else the first that is shown.
    if (event.key === "Enter" && event.target.matches("[data-filter-payloads]")) {
      event.preventDefault();
      const shown = [...event.target.closest(".c-choose, .e-content").querySelectorAll(".c-group:not([hidden]) .c-pick:not([hidden])")];
      const text = event.target.value.trim().toLowerCase();
      (shown.find((pick) => pick.dataset.find.startsWith(text)) ?? shown[0])?.click();
    }
    if (event.key === "Enter" && event.target.id === "c-find") event.preventDefault();
  });

  window.addEventListener("beforeunload", (event) => { if (isDirty) event.preventDefault(); });

  document.addEventListener("DOMContentLoaded", () => {
    if (isNarrow()) document.querySelectorAll("details.c-group").forEach((group) => { group.open = false; });
    const root = form();
    if (!root) return;
    root.addEventListener("submit", () => { isDirty = false; });
    document.body.addEventListener("htmx:afterSwap", (event) => {
      if (!root.contains(event.target)) return;
      changed();
      const added = event.target.matches(".c-items") ? event.target.lastElementChild : event.target;
      added?.querySelector("input:not([type=hidden]), select, textarea, summary")?.focus();
    });
    tellSet();
    if (root.querySelector(".e-note.e-tone-attn, .e-note.e-tone-bad")) isDirty = true;
    if (location.hash) goTo(location.hash.slice(1));
  });
})();
