// What the console adds to htmx and Alpine, both of which the theme brings: copy buttons, dialogs, ages, '/' for search.
"use strict";

(() => {
  const units = [[60, "s"], [3600, "min", 60], [86400, "h", 3600], [63072000, "d", 86400], [Infinity, "y", 31536000]];

  function age(element, now) {
    const seconds = Math.round((now - Date.parse(element.dateTime)) / 1000);
    if (Number.isNaN(seconds)) return;
    const distance = Math.abs(seconds);
    const [, unit, size = 1] = units.find(([limit]) => distance < limit);
    const words = distance < 2 ? "now" : `${Math.floor(distance / size)} ${unit}`;
    const text = words === "now" ? "just now" : seconds < 0 ? `in ${words}` : element.dataset.bare ? words : `${words} ago`;
    if (element.textContent !== text) element.textContent = text;
  }

  const tellAges = () => {
    const now = Date.now();
    document.querySelectorAll("time[data-age]").forEach((element) => age(element, now));
  };

  function toast(text) {
    let list = document.querySelector(".e-toasts");
    if (!list) {
      list = document.createElement("div");
      list.className = "e-toasts";
      list.setAttribute("role", "status");
      document.body.append(list);
    }
    const item = document.createElement("div");
    item.className = "e-toast";
    item.textContent = text;
    list.append(item);
    setTimeout(() => item.remove(), 6000);
  }

  async function copy(button) {
    await navigator.clipboard.writeText(button.dataset.copy);
    const icon = button.querySelector(".material-symbols-outlined");
    icon.textContent = "check";
    button.classList.add("is-done");
    setTimeout(() => { icon.textContent = "content_copy"; button.classList.remove("is-done"); }, 1500);
  }

  function dialog() {
    let element = document.getElementById("e-dialog");
    if (!element) {
      element = document.createElement("dialog");
      element.id = "e-dialog";
      element.className = "e-dialog";
      document.body.append(element);
      element.addEventListener("click", (event) => { if (event.target === element) element.close(); });
    }
    return element;
  }

  async function openDialog(address) {
    const element = dialog();
    await htmx.ajax("GET", address, { target: element, swap: "innerHTML" });
    if (!element.open) element.showModal();
    element.querySelector("[autofocus], input:not([type=hidden]), select, textarea, .e-picker a")?.focus();
  }

  document.addEventListener("click", (event) => {
    const target = event.target;
    const copyButton = target.closest("[data-copy]");
    if (copyButton) { event.preventDefault(); event.stopPropagation(); copy(copyButton); return; }
    if (target.closest("[data-close-dialog]")) { event.preventDefault(); dialog().close(); return; }
    const off = target.closest("[aria-disabled=true]");
    // A finger cannot hover: what is off says why when it is pressed.
    if (off) { event.preventDefault(); if (off.title) toast(off.title); return; }
    const link = target.closest("a[data-dialog]");
    if (link && !event.metaKey && !event.ctrlKey && !event.shiftKey) {
      event.preventDefault();
      link.closest("details.e-menu")?.removeAttribute("open");
      openDialog(link.href);
      return;
    }
    document.querySelectorAll("details.e-menu[open]").forEach((menu) => { if (!menu.contains(target)) menu.removeAttribute("open"); });
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") document.querySelectorAll("details.e-menu[open]").forEach((menu) => menu.removeAttribute("open"));
  });

  // The theme's lists take '/' for their own search box; here it opens the search of everything, on every page but
  // the helpdesk's, which have a search of their own.
  window.addEventListener("keydown", (event) => {
    const active = document.activeElement;
    const isTyping = active.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(active.tagName);
    if (event.key !== "/" || isTyping || event.metaKey || event.ctrlKey || event.altKey || document.querySelector("dialog[open], #h-search")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    window.dispatchEvent(new CustomEvent("opencommand"));
  }, true);

  document.addEventListener("console:done", (event) => {
    dialog().close();
    if (event.detail?.message) toast(event.detail.message);
  });

  // A poll after the session ended is answered with the sign-in page: show that as a page, not inside a panel.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const address = event.detail.xhr.responseURL;
    if (address && new URL(address).pathname.endsWith("/login/")) { event.detail.shouldSwap = false; window.location.reload(); }
  });

  document.addEventListener("htmx:responseError", (event) => {
    const status = event.detail.xhr.status;
    if (status === 403) toast("You may not do this. Ask whoever manages staff permissions.");
    else if (event.detail.requestConfig.verb !== "get") toast(`The server answered ${status}; nothing was changed.`);
  });

  document.addEventListener("DOMContentLoaded", () => {
    tellAges();
    setInterval(tellAges, 1000);
    document.body.addEventListener("htmx:afterSwap", tellAges);
  });
})();

// A secret that was revealed goes from the page by itself.
(() => {
  "use strict";
  setInterval(() => {
    document.querySelectorAll("[data-vanish]").forEach((box) => {
      const left = Number(box.dataset.vanish) - 1;
      box.dataset.vanish = left;
      const words = box.querySelector("[data-vanish-left]");
      if (words) words.textContent = Math.max(left, 0);
      if (left > 0) return;
      box.removeAttribute("data-vanish");
      box.textContent = "It is no longer shown. Reveal it again if you need it.";
    });
  }, 1000);
})();
