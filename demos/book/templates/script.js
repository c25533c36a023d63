// Lines that light up with their answers, the menu of faults, and the search.
"use strict";

function lightTags() {
  const bar = document.getElementById("step");
  const lines = [...document.querySelectorAll("[data-tags]")];
  const tagsOf = (line) => line.dataset.tags.split(" ");

  function light(line) {
    const tags = line ? tagsOf(line) : [];
    const lit = lines.filter((other) => tagsOf(other).some((tag) => tags.includes(tag)));
    lines.forEach((other) => other.classList.toggle("lit", lit.includes(other)));
    if (!bar) return;
    const names = new Set(lit.flatMap((each) => [...each.querySelectorAll("a.tag")])
      .map((tag) => tag.textContent));
    const steps = lit.filter((each) => each.id.startsWith("b") && each.querySelector("a.tag"))
      .map((each) => [each.querySelector("code"), each.querySelector(".step")])
      .filter(([code]) => code)
      .map(([code, step]) => code.textContent.trim() + (step ? "  ⟵  " + step.textContent : ""));
    bar.hidden = !steps.length;
    bar.textContent = [...names].join(" ") + " is answered by: " + steps.join("; ");
  }

  for (const line of lines) {
    line.addEventListener("mouseenter", () => light(line));
    line.addEventListener("mouseleave", () => light(null));
    line.addEventListener("focusin", () => light(line));
    line.addEventListener("focusout", () => light(null));
    line.addEventListener("click", () => light(line));
  }
}

function chooseFault() {
  const menu = document.getElementById("faults");
  if (!menu) return;
  const show = () => document.querySelectorAll(".panel").forEach((panel) => {
    panel.hidden = panel.id !== menu.value;
  });
  menu.parentElement.hidden = false;
  menu.addEventListener("change", show);
  show();
}

function search() {
  const form = document.getElementById("search");
  const query = document.getElementById("query");
  const found = document.getElementById("found");
  if (typeof SEARCH === "undefined") return;
  form.hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const first = found.querySelector("a");
    if (first) first.focus();
  });

  // A title counts more than what stands below it, its beginning most.
  function rank([title, , , more], words) {
    const name = title.toLowerCase(), rest = more.toLowerCase();
    let sum = 0;
    for (const word of words) {
      if (name === word) sum += 8;
      else if (name.startsWith(word)) sum += 4;
      else if (name.includes(word)) sum += 2;
      else if (rest.includes(word)) sum += 1;
      else return 0;
    }
    return sum;
  }

  query.addEventListener("input", () => {
    const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
    found.replaceChildren();
    if (!words.length) return;
    const hits = SEARCH.map((entry) => [rank(entry, words), entry]).filter(([sum]) => sum)
      .sort((a, b) => b[0] - a[0]);
    const list = document.createElement("ul");
    list.className = "results";
    for (const [, [title, href, kind]] of hits.slice(0, 30)) {
      const item = document.createElement("li"), link = document.createElement("a");
      const what = document.createElement("span");
      link.href = href;
      link.textContent = title;
      what.className = "kind";
      what.textContent = " " + kind;
      item.append(link, what);
      list.append(item);
    }
    const count = document.createElement("p");
    count.textContent = hits.length + " found" + (hits.length > 30 ? ", the first 30:" : "");
    found.append(count, list);
  });
}

function copyButtons() {
  if (!navigator.clipboard) return;
  for (const plain of document.querySelectorAll("details > pre.formulas")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.addEventListener("click", () => navigator.clipboard.writeText(plain.textContent)
      .then(() => { button.textContent = "Copied"; }));
    plain.before(button);
  }
}

// A symbol shows its name and shape while the pointer is over it or it has the focus.
function nameSymbols() {
  const tip = document.createElement("div");
  tip.id = "tip";
  tip.setAttribute("role", "tooltip");
  tip.hidden = true;
  document.body.append(tip);
  const seen = new Set();
  for (const symbol of document.querySelectorAll(".symbol[data-title]")) {
    const show = () => {
      const place = symbol.getBoundingClientRect();
      tip.textContent = symbol.dataset.title;
      tip.hidden = false;
      tip.style.left = Math.max(8, Math.min(place.left, innerWidth - tip.offsetWidth - 8)) + "px";
      tip.style.top = place.bottom + 6 + "px";
    };
    const hide = () => { tip.hidden = true; };
    symbol.addEventListener("mouseenter", show);
    symbol.addEventListener("mouseleave", hide);
    if (seen.has(symbol.dataset.title)) continue;
    seen.add(symbol.dataset.title);
    symbol.setAttribute("tabindex", "0");
    symbol.addEventListener("focus", show);
    symbol.addEventListener("blur", hide);
  }
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") tip.hidden = true; });
}

nameSymbols();
lightTags();
chooseFault();
search();
copyButtons();
