// The controls beside the picture.

import { changed, refresh, remember, removePoint, removePolygon } from "./changes.js";
import { draw } from "./drawing.js";
import { addPoint, errors, inWords, points } from "./points.js";
import { $, polygons, state } from "./state.js";

/** The controls beside the picture. */
export function list() {
  for (const button of document.querySelectorAll("[data-tool]")) button.setAttribute("aria-pressed", button.dataset.tool === state.tool);
  for (const section of document.querySelectorAll("[data-for]")) section.hidden = !section.dataset.for.split(" ").includes(state.tool);
  $("drawing").hidden = !state.outline;
  $("points").hidden = ["corners", "points"].includes(state.tool) || Boolean(state.outline) || !polygons(state.tool).length;
  for (const button of document.querySelectorAll("[data-add]")) button.hidden = Boolean(state.outline) || (state.tool === "region" && polygons(state.tool).length > 0);
  const { size, mirror, outside } = state.drawn.surface;
  $("width").value = size ? size[0] : $("width").value;
  $("height").value = size ? size[1] : $("height").value;
  $("mirror").checked = mirror;
  $("outside").value = outside;
  $("replaced").hidden = !points().length;
  if (state.tool === "points") listPoints();
  if (state.tool === "corners" || state.tool === "points") return;
  const names = { zones: "zone", region: "the region", ignore: "part" };
  $(state.tool === "zones" ? "zones" : state.tool).replaceChildren(...polygons(state.tool).map((_, index) => {
    const row = document.createElement("li");
    row.className = `${state.tool} ${index === state.chosen ? "chosen" : ""}`;
    if (state.tool === "zones") row.append(...fields(state.drawn.surface.zones[index]));
    else {
      const name = document.createElement("span");
      name.textContent = state.tool === "region" ? names.region : `${names[state.tool]} ${index + 1}`;
      row.append(name);
    }
    const remove = document.createElement("button");
    remove.type = "button";
    remove.textContent = "×";
    remove.setAttribute("aria-label", "remove");
    remove.onclick = () => removePolygon(index);
    row.append(remove);
    row.onpointerdown = row.onfocusin = (event) => {
      if (index === state.chosen || event.target === remove) return;
      state.chosen = index;
      for (const [i, other] of [...row.parentElement.children].entries()) other.classList.toggle("chosen", i === index);
      draw();
    };
    return row;
  }));
}

/** A new point at a place of the picture; whether there is one: its floor's size is needed. */
export function add(place) {
  if (!state.drawn.surface.size) {
    $("width").focus();
    $("sized").hidden = false;
    return false;
  }
  remember();
  addPoint(place);
  refresh();
  changed();
  return true;
}

function listPoints() {
  $("sized").hidden = true;
  $("plan").replaceChildren(...points().map((point, index) => {
    const row = document.createElement("li"), number = document.createElement("span"), off = document.createElement("output");
    row.className = "points";
    number.textContent = index + 1;
    const sides = ["across", "down"].map((side, k) => {
      const input = document.createElement("input");
      Object.assign(input, { type: "number", step: "any", inputMode: "decimal", value: point.floor[k] });
      input.setAttribute("aria-label", `point ${index + 1}: metres ${side}`);
      let fresh = true; // one undo takes back what was typed in one go
      input.onfocus = () => { fresh = true; };
      input.oninput = () => {
        if (input.value === "" || !Number.isFinite(input.valueAsNumber)) return;
        if (fresh) remember();
        fresh = false;
        points()[index].floor = Object.assign([...points()[index].floor], { [k]: input.valueAsNumber });
        changed();
      };
      return input;
    });
    const remove = document.createElement("button");
    Object.assign(remove, { type: "button", textContent: "×", onclick: () => removePoint(index) });
    remove.setAttribute("aria-label", `remove point ${index + 1}`);
    row.append(number, ...sides, off, remove);
    return row;
  }));
  tellErrors();
}

/** How far each point is off, beside it. */
export function tellErrors() {
  if (!state.drawn || state.tool !== "points") return;
  const off = errors();
  for (const [i, output] of $("plan").querySelectorAll("output").entries()) output.textContent = off[i] === undefined ? "" : inWords(off[i]) || "-";
  $("fits").hidden = points().length !== 4;
}

function fields(zone) {
  return [["name", "Name", "text"], ["dwell_s", "Dwell, s", "number"]].map(([key, title, type]) => {
    const label = document.createElement("label"), input = document.createElement("input");
    Object.assign(input, { type, value: zone[key], name: key });
    if (type === "number") Object.assign(input, { min: 0, step: "any", inputMode: "decimal" });
    else Object.assign(input, { maxLength: 40, autocomplete: "off" });
    let fresh = true; // one undo takes back what was typed in one go
    input.onfocus = () => { fresh = true; };
    input.oninput = () => {
      if (fresh) remember();
      fresh = false;
      zone[key] = type === "number" ? Number(input.value) : input.value;
      changed();
    };
    label.append(title, input);
    return label;
  });
}
