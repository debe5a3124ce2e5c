// The rule builder: draws a rule as nested groups of conditions and keeps the JSON of the form in step with it.
// What a rule may hold comes from the server (#rule-offer), and so does what is wrong with it, by key path.
"use strict";

(() => {
  const read = (id) => { const element = document.getElementById(id); return element ? JSON.parse(element.textContent) : null; };
  const WORDS = { all: "all of these", any: "any of these", "not any": "none of these", "not all": "not all of these" };
  const offer = read("rule-offer");
  const box = document.getElementById("rule-builder");
  const text = document.getElementById("rule");
  if (!offer || !box) return;

  // A node is {word, parts}, word being a key of WORDS, or a condition as it is in JSON. Those that nobody has left
  // yet are fresh: what is missing in them is no mistake.
  const fresh = new WeakSet();
  let root;
  let problems = {};

  function fromJson(rule) {
    if (rule === null || typeof rule !== "object" || Array.isArray(rule)) return null;
    for (const word of ["all", "any"]) if (Array.isArray(rule[word])) return { word, parts: rule[word].map(fromJson).filter(Boolean) };
    if (!("not" in rule)) return { ...rule };
    const inner = fromJson(rule.not);
    if (!inner) return null;
    return inner.parts && !inner.word.startsWith("not") ? { ...inner, word: `not ${inner.word}` } : { word: "not all", parts: [inner] };
  }

  function toJson(node) {
    if (!node.parts) return node;
    const parts = node.parts.map(toJson);
    return node.word.startsWith("not") ? { not: { [node.word.slice(4)]: parts } } : { [node.word]: parts };
  }

  const factOf = (node) => offer.facts.find((fact) => fact.fact === node.fact && (fact.fact !== "attribute" || fact.of === node.of));
  const operatorOf = (node, fact) => offer.operators[fact.kind].find((each) => each.is === node.is);

  function make(tag, more = {}, ...inside) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(more)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (name in element && name !== "list") element[name] = value;
      else element.setAttribute(name, value);
    }
    element.append(...inside);
    return element;
  }

  const icon = (name) => make("span", { className: "material-symbols-outlined", ariaHidden: "true" }, name);

  function tell() {
    text.value = JSON.stringify(toJson(root), null, 1);
    text.dispatchEvent(new Event("rule-changed", { bubbles: true }));
  }

  // Only for what comes and goes: a list that is being typed into would lose what was typed.
  function redraw(node, part) {
    box.replaceChildren(drawGroup(root, null));
    tell();
    [...box.querySelectorAll(`[data-part=${part}]`)].find((each) => each.node === node)?.focus();
  }

  function select(options, value, more, onchange) {
    const element = make("select", { className: `g-input ${more.className ?? ""}`, onchange, ariaLabel: more.label });
    if (more.part) part(element, more.part, more.node);
    for (const [key, label] of options) element.append(make("option", { value: key, selected: String(key) === String(value) }, label));
    return element;
  }

  function part(element, name, node) {
    element.dataset.part = name;
    element.node = node;
    return element;
  }

  // Groups ---------------------------------------------------------------------------------------------------------

  function drawGroup(node, remove) {
    const words = { label: "How many of the conditions", part: "word", node };
    const head = make("div", { className: "r-head" }, select(Object.entries(WORDS), node.word, words, (event) => { node.word = event.target.value; tell(); }));
    if (remove) head.append(removeButton("Remove this group", remove));
    const group = make("div", { className: "r-group", role: "group" }, head);
    for (const inner of node.parts) {
      const drop = () => { node.parts.splice(node.parts.indexOf(inner), 1); redraw(node, "add"); };
      group.append(inner.parts ? drawGroup(inner, drop) : drawCondition(inner, drop));
    }
    const add = (inner) => { node.parts.push(inner); redraw(inner, inner.parts ? "word" : "fact"); };
    const button = (label, onclick) => make("button", { type: "button", className: "e-btn e-btn-small", onclick }, icon("add"), label);
    group.append(make("div", { className: "r-tools" },
      part(button("Condition", () => add(newCondition())), "add", node),
      button("Group of conditions", () => add({ word: node.word.endsWith("all") ? "any" : "all", parts: [newCondition()] }))));
    return group;
  }

  const removeButton = (label, onclick) => make("button", { type: "button", className: "r-remove", title: label, ariaLabel: label, onclick }, icon("close"));

  // Conditions -----------------------------------------------------------------------------------------------------

  function newCondition() {
    const node = {};
    choose(node, offer.facts[0]);
    return node;
  }

  function choose(node, fact) {
    for (const key of Object.keys(node)) delete node[key];
    node.fact = fact.fact;
    if (fact.fact === "attribute") node.of = fact.of;
    else if (fact.asks) node.of = "";
    operate(node, fact, offer.operators[fact.kind][0]);
  }

  function operate(node, fact, operator, before) {
    node.is = operator.is;
    fresh.add(node);
    if (operator.takes === "nothing") { delete node.value; return; }
    if (before && before.takes === operator.takes) return;
    const old = node.value;
    if (operator.takes === "many") node.value = before?.takes === "one" && old !== "" && old !== null ? [old] : [];
    else if (operator.takes === "one" && before?.takes === "many" && old?.length) [node.value] = old;
    else node.value = operator.takes === "days" ? 30 : firstValue(fact);
  }

  function firstValue(fact) {
    if (fact.kind === "boolean") return true;
    return fact.choices.length ? fact.choices[0][0] : fact.kind === "number" ? null : "";
  }

  function drawCondition(node, drop) {
    const rest = make("span", { className: "r-rest" });
    const fields = make("div", { className: "r-fields" }, factPicker(node, () => { rest.replaceChildren(...comparison(node)); tell(); }), rest);
    const row = part(make("div", { className: "r-row" }, fields, removeButton("Remove this condition", drop)), "row", node);
    row.addEventListener("focusout", (event) => { if (!row.contains(event.relatedTarget) && fresh.delete(node)) tellProblems(); });
    rest.append(...comparison(node));
    return row;
  }

  function comparison(node) {
    const fact = factOf(node);
    if (!fact) return [];
    const operators = offer.operators[fact.kind];
    const values = make("span", { className: "r-rest" }, ...valueFields(node, fact, operatorOf(node, fact)));
    const choice = select(operators.map((each) => [each.is, each.label]), node.is, { className: "r-is", label: "Comparison" }, (event) => {
      const before = operatorOf(node, fact);
      const operator = operators.find((each) => each.is === event.target.value);
      operate(node, fact, operator, before);
      if (operator.takes !== before?.takes) values.replaceChildren(...valueFields(node, fact, operator));
      tell();
    });
    const named = fact.asks ? [input(node, "of", "text", { className: "r-of", placeholder: fact.asks, ariaLabel: fact.asks })] : [];
    return [...named, choice, values];
  }

  function factPicker(node, change) {
    const known = factOf(node);
    const element = select(known ? [] : [["", `${node.fact ?? "?"} (unknown)`]], "", { className: "r-fact", label: "What to look at", part: "fact", node }, (event) => {
      if (event.target.value === "") return;
      choose(node, offer.facts[event.target.value]);
      change();
    });
    let heading;
    offer.facts.forEach((fact, index) => {
      if (heading?.label !== fact.heading) element.append(heading = make("optgroup", { label: fact.heading }));
      heading.append(make("option", { value: index, selected: fact === known }, fact.label));
    });
    return element;
  }

  function input(node, key, type, more, convert = (value) => value) {
    const element = make("input", { type, autocomplete: "off", spellcheck: false, ...more, className: `g-input ${more.className}` });
    element.value = node[key] ?? "";
    element.addEventListener("input", () => { node[key] = convert(element.value); tell(); });
    return element;
  }

  function valueFields(node, fact, operator) {
    if (!operator || operator.takes === "nothing") return [];
    if (operator.takes === "many") return [fact.choices.length ? ticks(node, fact) : lines(node)];
    if (operator.takes === "days") {
      const days = input(node, "value", "number", { className: "r-value is-number", min: 0, step: "any", ariaLabel: "Days" }, numberOf);
      return [make("span", { className: "r-days" }, days, "days")];
    }
    return [oneValue(node, fact)];
  }

  const numberOf = (value) => (value === "" ? null : Number(value));

  function oneValue(node, fact) {
    const change = (options) => (event) => { [node.value] = options[event.target.selectedIndex]; tell(); };
    if (fact.kind === "boolean" || fact.choices.length) {
      const options = fact.kind === "boolean" ? [[true, "yes"], [false, "no"]] : fact.choices;
      const missing = options.some(([value]) => value === node.value) ? [] : [[node.value, `${node.value ?? "?"} (unknown)`]];
      return select([...missing, ...options], node.value, { className: "r-value", label: "Value" }, change([...missing, ...options]));
    }
    if (fact.kind === "membership") return make("span", { className: "e-faint r-value" }, "There are no groups chosen by hand yet.");
    if (fact.kind === "number") return input(node, "value", "number", { className: "r-value is-number", step: "any", ariaLabel: "Value" }, numberOf);
    // A stored time of day is kept as text; a date field would lose it.
    if (fact.kind === "date" && String(node.value ?? "").length <= 10) return input(node, "value", "date", { className: "r-value is-date", ariaLabel: "Date" });
    const hint = fact.kind === "version" ? { placeholder: "17.4.1", inputMode: "decimal" } : {};
    return input(node, "value", "text", { className: "r-value", ariaLabel: "Value", ...hint });
  }

  function ticks(node, fact) {
    const list = make("span", { className: "r-choices r-value" });
    for (const [value, label] of fact.choices) {
      const tick = make("input", { type: "checkbox", checked: node.value.includes(value) });
      tick.addEventListener("change", () => { node.value = fact.choices.map(([each]) => each).filter((each) => (each === value ? tick.checked : node.value.includes(each))); tell(); });
      list.append(make("label", {}, tick, label));
    }
    return list;
  }

  function lines(node) {
    const area = make("textarea", { className: "g-input r-value", rows: 3, spellcheck: false, placeholder: "one a line", ariaLabel: "Values, one a line" });
    area.value = (Array.isArray(node.value) ? node.value : []).join("\n");
    area.addEventListener("input", () => { node.value = area.value.split("\n").map((line) => line.trim()).filter(Boolean); tell(); });
    return area;
  }

  // What is wrong --------------------------------------------------------------------------------------------------

  function pathOf(node, inside = root, path = "rule") {
    if (inside === node) return path;
    const found = inside.parts?.map((each, index) => pathOf(node, each, `${path}.${inside.word.replace(" ", ".")}.${index}`));
    return found?.find(Boolean);
  }

  function tellProblems() {
    box.querySelectorAll(".r-error").forEach((each) => each.remove());
    box.querySelectorAll(".r-row").forEach((row) => {
      const path = pathOf(row.node);
      const found = Object.entries(problems).filter(([each]) => each === path || each.startsWith(`${path}.`));
      const isShown = found.length > 0 && !fresh.has(row.node);
      row.classList.toggle("has-error", isShown);
      if (isShown) row.append(make("p", { className: "r-error", role: "alert" }, found.map(([each, problem]) => `${named(each.slice(path.length + 1))} ${problem}`).join("; ")));
    });
  }

  function named(key) {
    const [name, index] = key.split(".");
    const label = { value: "The value", is: "The comparison", fact: "What to look at", of: "The name" }[name] ?? "It";
    return index === undefined ? label : `Value ${Number(index) + 1}`;
  }

  document.body.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id !== "rule-preview") return;
    problems = read("preview-problems") ?? {};
    tellProblems();
  });

  text.addEventListener("change", () => {
    try {
      root = rooted(JSON.parse(text.value));
    } catch { return; }
    redraw();
  });

  function rooted(rule) {
    const node = fromJson(rule);
    return node?.parts ? node : { word: "all", parts: node ? [node] : [] };
  }

  function begin() {
    let rule = read("rule-stored");
    let isReadable = true;
    try { rule ??= JSON.parse(text.value || "null"); } catch { isReadable = false; }
    root = rooted(rule);
    problems = read("rule-problems") ?? {};
    box.replaceChildren(drawGroup(root, null));
    if (isReadable) tell();
    else document.querySelector(".r-json").open = true;
    tellProblems();
  }

  // htmx listens from DOMContentLoaded on; what is told before that nobody hears.
  if (document.readyState === "complete") begin();
  else window.addEventListener("load", begin);
})();
