// Draws the steps of a routing from the page's JSON: matrices of children by parents, and a plane
// for each parent with arrows. It knows no routing: another procedure brings its own steps.
"use strict";

function drawing() {
  const place = document.getElementById("drawing");
  if (!place) return;
  const data = JSON.parse(document.getElementById("drawing-data").textContent);
  const slider = document.getElementById("position");
  const SIZE = 280, HALF = SIZE / 2, SCALE = 95;
  const NAME = "http" + "://www.w3.org/2000/svg"; // a name, not an address: nothing is fetched

  function make(name, attributes, ...children) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  }

  function svg(name, attributes, ...children) {
    const element = document.createElementNS(NAME, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  }

  function arrow([named, x, y, fromX = 0, fromY = 0]) {
    const [kind, strength] = named.split(":");
    const x1 = HALF + SCALE * fromX, y1 = HALF - SCALE * fromY;
    const dx = SCALE * x, dy = -SCALE * y, length = Math.hypot(dx, dy);
    if (length < 0.5) return "";
    const x2 = x1 + dx, y2 = y1 + dy, head = Math.min(7, length / 2);
    const [ux, uy] = [dx / length * head, dy / length * head];
    const points = [[x2, y2], [x2 - ux - uy / 2, y2 - uy + ux / 2],
      [x2 - ux + uy / 2, y2 - uy - ux / 2]].map((point) => point.join(",")).join(" ");
    const group = svg("g", {class: "arrow-" + kind},
      svg("line", {x1, y1, x2: x2 - ux, y2: y2 - uy}), svg("polygon", {points}));
    if (strength) group.style.opacity = 0.2 + 0.8 * strength;
    return group;
  }

  function plane(arrows, parent, step) {
    const image = svg("svg", {viewBox: `0 0 ${SIZE} ${SIZE}`, width: SIZE, height: SIZE,
      role: "img", "aria-label": parent + ", " + step.numbers.map(([name, values]) =>
        name + " " + values[data.parents.indexOf(parent)].toFixed(3)).join(", ")},
    svg("circle", {cx: HALF, cy: HALF, r: SCALE, class: "unit"}),
    ...arrows.map(arrow));
    const numbers = step.numbers.map(([name, values]) =>
      name + " " + values[data.parents.indexOf(parent)].toFixed(3)).join("; ");
    return make("figure", {}, image, make("figcaption", {}, parent + ": " + numbers));
  }

  function matrix([name, rows]) {
    const table = make("table", {class: "heat"}, make("caption", {}, name));
    const most = Math.max(...rows.flat().map(Math.abs), 1e-12);
    const head = table.createTHead().insertRow();
    head.append(make("td", {}), ...data.parents.map((parent) =>
      make("th", {scope: "col"}, parent)));
    const body = table.createTBody();
    rows.forEach((row, i) => {
      const line = body.insertRow();
      line.append(make("th", {scope: "row"}, data.children[i]), ...row.map((number) =>
        make("td", {style: "--strength:" + (0.35 * Math.abs(number) / most).toFixed(3)},
          number.toFixed(3))));
    });
    return make("div", {class: "scroll"}, table);
  }

  function show() {
    const step = data.steps[slider.value];
    slider.setAttribute("aria-valuetext", step.title);
    place.className = step.back ? "back" : "";
    place.replaceChildren(make("h3", {}, step.title), make("p", {}, step.text),
      make("div", {class: "planes"}, ...step.planes.map((arrows, j) =>
        plane(arrows, data.parents[j], step))),
      make("div", {class: "planes"}, ...step.matrices.map(matrix)));
  }

  const move = (by) => () => { slider.value = Number(slider.value) + by; show(); };
  document.getElementById("controls").hidden = false;
  document.getElementById("back").addEventListener("click", move(-1));
  document.getElementById("forth").addEventListener("click", move(1));
  slider.addEventListener("input", show);
  show();
}

drawing();
