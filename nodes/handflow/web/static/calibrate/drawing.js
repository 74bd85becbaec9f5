// Draws what is drawn: lines, areas, handles and hands on the picture and the surface.

import { css, inverse, multiply, warp } from "./geometry.js";
import { board, layout, picture, pixels, surface } from "./layout.js";
import { errors, inWords, plane, points } from "./points.js";
import { $, polygons, state } from "./state.js";

const CORNERS = ["top left", "top right", "bottom right", "bottom left"];
export const NEAR = 22; // pixels around a point that take hold of it: a fingertip

const lens = $("lens").getContext("2d");

function element(name, attributes, ...inside) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...inside);
  return made;
}

export function draw() {
  if (!state.drawn) return;
  layout();
  const focused = document.activeElement?.dataset?.key;
  const map = plane();
  const back = map && inverse(map);
  picture.svg.replaceChildren(
    ...grid(picture, (place) => back && warp(back, place)),
    ...shapes(picture, "corners", polygons("corners")),
    ...shapes(picture, "zones faint", polygons("zones").map((polygon) => back ? polygon.map((p) => warp(back, p)) : [])),
    ...shapes(picture, "region", polygons("region")),
    ...shapes(picture, "ignore", polygons("ignore")),
  );
  surface.svg.replaceChildren(
    ...grid(surface, (place) => place),
    ...marks(map),
    ...shapes(surface, "zones", polygons("zones")),
    ...state.drawn.surface.zones.map(({ name, polygon }) => label(polygon, name)),
  );
  board().svg.append(...(state.outline ? draftShapes() : handles()));
  for (const each of [picture, surface]) {
    each.svg.append(element("g", { class: "hands" }));
    each.svg.style.touchAction = each === board() ? "none" : "pan-y"; // the page scrolls where nothing is drawn
  }
  if (focused) document.querySelector(`[data-key="${focused}"]`)?.focus({ preventScroll: true });
  unroll(map);
  drawHands();
}

/** The picture as the surface sees it: the browser warps it. */
function unroll(map) {
  const [left, top, width, height] = surface.box, { canvas } = surface;
  Object.assign(canvas.parentElement.style, { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` });
  canvas.hidden = !map;
  if (!map) return;
  const scale = (x, y) => [[x, 0, 0], [0, y, 0], [0, 0, 1]];
  canvas.style.transform = css(multiply(scale(width, height), multiply(map, scale(1 / canvas.width, 1 / canvas.height))));
}

function grid(of, place) {
  // In parts: what lies beyond the horizon is left out, and not the whole line.
  const parts = Array.from({ length: 8 }, (_, i) => [i / 8, (i + 1) / 8]);
  const lines = [0, 0.25, 0.5, 0.75, 1].flatMap((v) => parts.flatMap(([a, b]) => [[[v, a], [v, b]], [[a, v], [b, v]]]));
  return lines.map((ends) => ends.map(place)).filter((ends) => ends.every(Boolean)).map((ends) => {
    const [[x1, y1], [x2, y2]] = ends.map((end) => pixels(of, end));
    return element("line", { class: "grid corners", x1, y1, x2, y2 });
  });
}

function shapes(of, kind, list) {
  return list.filter((polygon) => polygon.length && polygon.every(Boolean)).map((polygon) =>
    element("polygon", { class: `area ${kind}`, points: polygon.map((p) => pixels(of, p)).join(" ") }));
}

/** On the surface: where the plan has each point, and a line to where the picture shows it by all of them. */
function marks(map) {
  const { size, mirror } = state.drawn.surface;
  if (!size) return [];
  return points().flatMap(({ picture: shown, floor }, i) => {
    const place = [floor[0] / size[0], floor[1] / size[1]];
    const [x, y] = pixels(surface, mirror ? [1 - place[0], place[1]] : place), seen = map && warp(map, shown);
    const [x2, y2] = seen ? pixels(surface, seen) : [x, y];
    return [
      element("line", { class: "gap points", x1: x, y1: y, x2, y2 }),
      element("circle", { class: "dot points", cx: x, cy: y, r: 5 }),
      element("text", { class: "number", x: x + 9, y: y - 8 }, `${i + 1}`),
    ];
  });
}

function label(polygon, name) {
  const middle = [0, 1].map((k) => polygon.reduce((sum, p) => sum + p[k], 0) / polygon.length);
  const [x, y] = pixels(surface, middle);
  return element("text", { class: "name", x, y }, name);
}

function draftShapes() {
  const points = state.outline.map((p) => pixels(board(), p));
  return [
    element("polyline", { class: `area draft ${state.tool}`, points: points.join(" ") }),
    ...points.map(([cx, cy]) => element("circle", { class: `dot ${state.tool}`, cx, cy, r: 6 })),
  ];
}

function handles() {
  const polygon = polygons(state.tool)[state.chosen] ?? [];
  const off = state.tool === "points" ? errors() : [];
  const made = polygon.map((point, i) => handle(point, `${state.chosen}.${i}`, i, off[i]));
  if (state.tool === "corners" || state.tool === "points") return made;
  const middles = polygon.map((point, i) => {
    const next = polygon[(i + 1) % polygon.length];
    return handle([(point[0] + next[0]) / 2, (point[1] + next[1]) / 2], `${state.chosen}.${i}+`, null);
  });
  return [...middles, ...made];
}

function handle(place, key, number, off = null) {
  const [x, y] = pixels(board(), place), between = number === null;
  const what = state.tool === "corners" ? CORNERS[number] : between ? "new point" : `point ${number + 1}`;
  const where = place.map((v) => `${Math.round(v * 1000) / 10} %`).join(", ");
  // Its name begins with what is seen of it.
  const said = state.tool === "points" ? [number + 1, inWords(off)].filter(Boolean).join(" · ") : what;
  const name = state.tool === "points" ? `point ${said}: ${where}; ${points()[number].floor.join(", ")} m on the floor` : `${what}: ${where}`;
  const made = element("g", { class: `handle ${state.tool} ${between ? "middle" : ""}`, "data-key": `${state.tool}.${key}`,
    transform: `translate(${x} ${y})`, role: "button", tabindex: between ? -1 : 0, "aria-label": name });
  made.append(element("circle", { class: "grip", r: between ? 14 : NEAR }), element("circle", { class: "dot", r: between ? 4 : 8 }));
  if (state.tool === "corners" || state.tool === "points") {
    const room = 100, right = state.tool === "points" || number % 3, left = right ? board().stage.clientWidth - x < room : x > room; // outwards if it fits
    made.append(element("text", { class: "number", x: left ? -12 : 12, y: -12, "text-anchor": left ? "end" : "start" }, said));
  }
  return made;
}

export function drawHands() {
  if (!state.last || !state.drawn) return;
  const map = plane();
  for (const of of [picture, surface]) {
    const rings = state.last.hands.map((hand) => {
      const place = of === picture ? [hand.x, hand.y] : map && warp(map, [hand.x, hand.y]);
      if (!place || (of === surface && place.some((v) => v < 0 || v > 1))) return null;
      const [cx, cy] = pixels(of, place);
      return element("circle", { class: "hand", cx, cy, r: of === picture ? Math.max(6, hand.radius * of.box[2]) : 9 });
    });
    of.svg.querySelector(".hands")?.replaceChildren(...rings.filter(Boolean));
  }
}

/** What lies under the finger, enlarged four times. */
export function look(place) {
  const canvas = picture.canvas, [x, y] = [place[0] * canvas.width, place[1] * canvas.height];
  const far = place[0] < 0.4 && place[1] < 0.5;
  Object.assign($("lens").style, { top: "10px", left: far ? "auto" : "10px", right: far ? "10px" : "auto" });
  $("lens").hidden = false;
  lens.fillStyle = "#06080a";
  lens.fillRect(0, 0, 160, 160);
  lens.drawImage(canvas, x - 20, y - 20, 40, 40, 0, 0, 160, 160);
  lens.strokeStyle = getComputedStyle(document.documentElement).getPropertyValue("--surface");
  lens.lineWidth = 1.5;
  lens.beginPath();
  for (const [x1, y1, x2, y2] of [[80, 0, 80, 70], [80, 90, 80, 160], [0, 80, 70, 80], [90, 80, 160, 80]]) {
    lens.moveTo(x1, y1);
    lens.lineTo(x2, y2);
  }
  lens.stroke();
}
