// The helpdesk's search: "/" goes to it, arrow keys go through what is found.
"use strict";

(() => {
  const box = () => document.getElementById("h-search");
  const links = () => [...document.querySelectorAll("#h-results .h-device")];

  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.matches("input, textarea, select");
    if (event.key === "/" && !isTyping) { event.preventDefault(); event.stopImmediatePropagation(); box().focus(); box().select(); return; }
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    if (isTyping && event.target !== box()) return;
    const all = links();
    const at = all.indexOf(document.activeElement);
    const next = event.key === "ArrowDown" ? at + 1 : at - 1;
    if (next < 0) { event.preventDefault(); box().focus(); return; }
    if (all[next]) { event.preventDefault(); all[next].focus(); }
  }, true);
})();
