// The groups of an assignment: found by typing, and what is ticked is named and counted above the list whatever is
// searched for. Without this the form is the plain list.
"use strict";

(() => {
  const WORDS = { include: { text: "gets it", tone: "ok", icon: "check" }, exclude: { text: "never gets it", tone: "bad", icon: "block" } };
  const NO_SEARCH_BELOW = 6;

  // Accents and capitals make no difference to whoever searches.
  const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

  function start(box) {
    const find = box.querySelector("input[type=search]");
    const count = box.querySelector("[role=status]");
    const chosen = box.querySelector(".e-chosen");
    const list = box.querySelector(".e-choose-list");
    const rows = [...box.querySelectorAll("tr[data-name]")];
    if (!find) return;
    rows.forEach((row) => { row.sought = plain(`${row.dataset.name} ${row.dataset.kind}`); });

    const ticked = (name) => rows.flatMap((row) => [...row.querySelectorAll(`input[name=${name}]:checked`)]);

    function filter() {
      const words = plain(find.value).split(/\s+/).filter(Boolean);
      rows.forEach((row) => { row.hidden = !words.every((word) => row.sought.includes(word)); });
      tell();
    }

    function tell() {
      const shown = rows.filter((row) => !row.hidden).length;
      list.hidden = !shown;
      const [gets, never] = [ticked("include").length, ticked("exclude").length];
      const groups = `${rows.length} group${rows.length === 1 ? "" : "s"}`;
      const found = shown === rows.length ? groups : shown ? `${shown} of ${groups} shown` : `None of ${groups} has this in its name or kind`;
      const text = `${found}; ${gets || "none"} get${gets > 1 ? "" : "s"} it${never ? `, ${never} never get${never > 1 ? "" : "s"} it` : ""}.`;
      if (count.textContent !== text) count.textContent = text;
    }

    function chip(input) {
      const { text, tone, icon } = WORDS[input.name];
      const name = input.closest("tr").dataset.name;
      const button = document.createElement("button");
      button.type = "button";
      button.className = `e-chip e-tone-${tone}`;
      button.setAttribute("aria-label", `Untick: ${name} ${text}`);
      button.title = `${name} ${text}. Press to untick.`;
      for (const each of [icon, null, "close"]) {
        const part = document.createElement("span");
        if (each) { part.className = "material-symbols-outlined"; part.setAttribute("aria-hidden", "true"); }
        part.textContent = each ?? name;
        button.append(part);
      }
      button.addEventListener("click", () => untick(button, input));
      return button;
    }

    function untick(button, input) {
      const at = [...chosen.children].indexOf(button);
      input.checked = false;
      draw();
      // Whoever goes by keyboard stays where they were, or goes on to the search when nothing is left.
      (chosen.children[Math.min(at, chosen.children.length - 1)] ?? (find.hidden ? input : find)).focus();
    }

    function draw() {
      chosen.replaceChildren(...["include", "exclude"].flatMap(ticked).map(chip));
      chosen.hidden = !chosen.children.length;
      tell();
    }

    find.addEventListener("input", filter);
    // Enter here would send the form.
    find.addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); });
    // Leaving the search is a change, too; to draw then would take the chip away that is being pressed.
    box.addEventListener("change", (event) => { if (event.target !== find) draw(); });
    box.querySelector(".e-choose-tools").hidden = false;
    find.hidden = rows.length < NO_SEARCH_BELOW;
    draw();
    filter();
  }

  document.querySelectorAll(".e-choose").forEach(start);
  // Ticks that the browser puts back when one comes back to the page.
  window.addEventListener("pageshow", () => document.querySelectorAll(".e-choose").forEach((box) => box.dispatchEvent(new Event("change"))));
})();
