// What is drawn lives in `drawn`, as the graph has it; every change draws it anew, asks the server whether it can be
// meant, and is saved when that is wished. Places are 0..1: of the picture, zones' of the surface.

import { css, homography, inverse, multiply, warp } from "./geometry.js";

const CORNERS = ["top left", "top right", "bottom right", "bottom left"];
const NEAR = 22; // pixels around a point that take hold of it: a fingertip
const TWICE_MS = 400;
const STALE_MS = 2000;

const $ = (id) => document.getElementById(id);
const picture = view("picture"), surface = view("surface");
const lens = $("lens").getContext("2d");

let drawn = null; // {surface, tracker}: settings of the two nodes; tracker is missing if the graph's has no region
let saved = ""; // the same, as it lies in the file
let tool = "corners";
let chosen = 0; // which of the tool's polygons has handles
let outline = null; // the points of a polygon that is being drawn
let held = null; // the point that is being dragged
let last = null; // the picture shown last: its head
let heard = 0, failures = 0, asked = 0, checking = 0;
let tapped = { key: "", at: 0 };
const past = []; // what `drawn` was before each change

load();
connect();
setInterval(judge, 500);
new ResizeObserver(draw).observe($("picture"));
new ResizeObserver(draw).observe($("surface"));

// Talking to the server

async function load() {
  try {
    const told = await (await fetch("drawn")).json();
    take(told);
    if (!drawn.tracker) for (const name of ["region", "ignore"]) document.querySelector(`[data-tool=${name}]`).hidden = true;
    if (told.new) say("The graph has no surface yet: saving puts one behind its tracker.");
    list();
    draw();
  } catch {
    setTimeout(load, 1000);
  }
}

function take({ graph, surface, tracker }) {
  drawn = tracker ? { surface, tracker } : { surface };
  saved = JSON.stringify(drawn);
  $("graph").textContent = graph;
}

async function post(path) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(drawn),
  });
  const told = await answer.json();
  if (told.error) throw new Error(told.error);
  return told;
}

async function check() {
  const number = ++asked;
  let error = "";
  try {
    await post("check");
  } catch (wrong) {
    error = wrong.message;
  }
  if (number !== asked) return;
  $("error").hidden = !error;
  $("error").textContent = error;
  $("save").disabled = Boolean(error) || JSON.stringify(drawn) === saved;
}

async function save() {
  $("save").disabled = true;
  try {
    const told = await post("save");
    take(told);
    say(told.done[0].toUpperCase() + told.done.slice(1) + ".");
  } catch (wrong) {
    say(wrong.message, true);
  }
  list();
  changed();
}

function say(text, bad = false) {
  $("said").hidden = false;
  $("said").textContent = text;
  $("said").classList.toggle("bad", bad);
}

function connect() {
  const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live`);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => { failures = 0; };
  socket.onmessage = async ({ data }) => {
    await show(data).catch(console.error);
    if (socket.readyState === WebSocket.OPEN) socket.send("drawn");
  };
  socket.onclose = () => setTimeout(connect, Math.min(3000, 300 * 2 ** failures++));
}

/** A message: uint32 length, a JSON head, the picture as a JPEG. */
async function show(data) {
  const length = new DataView(data).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
  const image = await createImageBitmap(new Blob([new Uint8Array(data, 4 + length)], { type: "image/jpeg" }));
  const resized = !last || last.width !== head.width || last.height !== head.height;
  for (const { canvas } of [picture, surface]) {
    if (canvas.width !== image.width || canvas.height !== image.height) {
      canvas.width = image.width;
      canvas.height = image.height;
    }
    canvas.getContext("2d").drawImage(image, 0, 0);
  }
  image.close();
  last = head;
  heard = performance.now();
  document.documentElement.dataset.frame = head.frame;
  if (resized) draw();
  else drawHands();
}

function judge() {
  const silent = performance.now() - heard > STALE_MS;
  const state = $("state");
  state.dataset.state = silent ? "away" : last.state === "live" ? "live" : "still";
  state.textContent = silent ? "no picture" : last.state;
  $("nothing").hidden = Boolean(last);
}

// Places

function view(id) {
  const stage = $(id);
  return { stage, svg: stage.querySelector("svg"), canvas: stage.querySelector("canvas"), box: [0, 0, 1, 1], pad: 0.05 };
}

/** Finds room for the picture and the surface in their stages, with a rim that corners can be drawn out to. */
function layout() {
  const ratio = last ? last.width / last.height : 16 / 9;
  const size = drawn.surface.size;
  const out = Math.max(...drawn.surface.corners.flat().map((v) => Math.max(-v, v - 1)));
  if (!held) picture.pad = Math.max(0.06, Math.min(1, out + 0.03));
  for (const [each, aspect] of [[picture, ratio], [surface, size ? size[0] / size[1] : ratio]]) {
    const { clientWidth, clientHeight } = each.stage, rim = 1 + 2 * each.pad;
    const width = Math.min(clientWidth / rim, (clientHeight / rim) * aspect), height = width / aspect;
    each.box = [(clientWidth - width) / 2, (clientHeight - height) / 2, width, height];
  }
  const [left, top, width, height] = picture.box;
  Object.assign(picture.canvas.style, { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` });
}

const pixels = ({ box: [left, top, width, height] }, [x, y]) => [left + x * width, top + y * height];

function at({ svg, box: [left, top, width, height] }, event) {
  const { x, y } = svg.getBoundingClientRect();
  return [(event.clientX - x - left) / width, (event.clientY - y - top) / height];
}

const rounded = (value) => Math.round(value * 1e5) / 1e5;

function within(value) {
  const rim = tool === "corners" ? picture.pad - 0.01 : 0;
  return rounded(Math.min(1 + rim, Math.max(-rim, value)));
}

/** The polygons of a tool: lists of points that can be changed in place. */
function polygons(of) {
  if (of === "corners") return [drawn.surface.corners];
  if (of === "zones") return drawn.surface.zones.map((zone) => zone.polygon);
  if (!drawn.tracker) return [];
  return of === "ignore" ? drawn.tracker.ignore : drawn.tracker.region ? [drawn.tracker.region] : [];
}

const board = () => (tool === "zones" ? surface : picture); // where the tool draws

// Drawing

function element(name, attributes, ...inside) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...inside);
  return made;
}

function draw() {
  if (!drawn) return;
  layout();
  const focused = document.activeElement?.dataset?.key;
  const map = homography(drawn.surface.corners, drawn.surface.mirror);
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
    ...shapes(surface, "zones", polygons("zones")),
    ...drawn.surface.zones.map(({ name, polygon }) => label(polygon, name)),
  );
  board().svg.append(...(outline ? draftShapes() : handles()));
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
  const lines = [0, 0.25, 0.5, 0.75, 1].flatMap((v) => [[[v, 0], [v, 1]], [[0, v], [1, v]]]);
  return lines.map((ends) => ends.map(place)).filter((ends) => ends.every(Boolean)).map((ends) => {
    const [[x1, y1], [x2, y2]] = ends.map((end) => pixels(of, end));
    return element("line", { class: "grid corners", x1, y1, x2, y2 });
  });
}

function shapes(of, kind, list) {
  return list.filter((polygon) => polygon.length && polygon.every(Boolean)).map((polygon) =>
    element("polygon", { class: `area ${kind}`, points: polygon.map((p) => pixels(of, p)).join(" ") }));
}

function label(polygon, name) {
  const middle = [0, 1].map((k) => polygon.reduce((sum, p) => sum + p[k], 0) / polygon.length);
  const [x, y] = pixels(surface, middle);
  return element("text", { class: "name", x, y }, name);
}

function draftShapes() {
  const points = outline.map((p) => pixels(board(), p));
  return [
    element("polyline", { class: `area draft ${tool}`, points: points.join(" ") }),
    ...points.map(([cx, cy]) => element("circle", { class: `dot ${tool}`, cx, cy, r: 6 })),
  ];
}

function handles() {
  const polygon = polygons(tool)[chosen] ?? [];
  const points = polygon.map((point, i) => handle(point, `${chosen}.${i}`, i));
  if (tool === "corners") return points;
  const middles = polygon.map((point, i) => {
    const next = polygon[(i + 1) % polygon.length];
    return handle([(point[0] + next[0]) / 2, (point[1] + next[1]) / 2], `${chosen}.${i}+`, null);
  });
  return [...middles, ...points];
}

function handle(place, key, number) {
  const [x, y] = pixels(board(), place), between = number === null;
  const what = tool === "corners" ? CORNERS[number] : between ? "new point" : `point ${number + 1}`;
  const where = place.map((v) => `${Math.round(v * 1000) / 10} %`).join(", ");
  const made = element("g", { class: `handle ${tool} ${between ? "middle" : ""}`, "data-key": `${tool}.${key}`,
    transform: `translate(${x} ${y})`, role: "button", tabindex: between ? -1 : 0, "aria-label": `${what}: ${where}` });
  made.append(element("circle", { class: "grip", r: between ? 14 : NEAR }), element("circle", { class: "dot", r: between ? 4 : 8 }));
  if (tool === "corners") {
    const room = 100, left = number % 3 ? board().stage.clientWidth - x < room : x > room; // outwards if it fits
    made.append(element("text", { class: "number", x: left ? -12 : 12, y: -12, "text-anchor": left ? "end" : "start" }, what));
  }
  return made;
}

function drawHands() {
  if (!last || !drawn) return;
  const map = homography(drawn.surface.corners, drawn.surface.mirror);
  for (const of of [picture, surface]) {
    const rings = last.hands.map((hand) => {
      const place = of === picture ? [hand.x, hand.y] : map && warp(map, [hand.x, hand.y]);
      if (!place || (of === surface && place.some((v) => v < 0 || v > 1))) return null;
      const [cx, cy] = pixels(of, place);
      return element("circle", { class: "hand", cx, cy, r: of === picture ? Math.max(6, hand.radius * of.box[2]) : 9 });
    });
    of.svg.querySelector(".hands")?.replaceChildren(...rings.filter(Boolean));
  }
}

/** What lies under the finger, enlarged four times. */
function look(place) {
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

// Changes

function remember() {
  past.push(JSON.stringify(drawn));
  if (past.length > 200) past.shift();
}

function changed() {
  draw();
  $("undo").disabled = !past.length;
  clearTimeout(checking);
  checking = setTimeout(check, 120);
}

function undo() {
  if (!past.length) return;
  drawn = JSON.parse(past.pop());
  chosen = Math.min(chosen, Math.max(0, polygons(tool).length - 1));
  list();
  changed();
}

function removePoint(index) {
  const polygon = polygons(tool)[chosen];
  if (tool === "corners" || polygon.length <= 3) return;
  remember();
  polygon.splice(index, 1);
  changed();
}

function removePolygon(index) {
  remember();
  if (tool === "zones") drawn.surface.zones.splice(index, 1);
  else if (tool === "ignore") drawn.tracker.ignore.splice(index, 1);
  else drawn.tracker.region = null;
  chosen = 0;
  list();
  changed();
}

function endOutline() {
  if (outline.length >= 3) {
    remember();
    if (tool === "zones") {
      const names = drawn.surface.zones.map((zone) => zone.name);
      let number = names.length + 1;
      while (names.includes(`zone ${number}`)) number += 1;
      drawn.surface.zones.push({ name: `zone ${number}`, polygon: outline, dwell_s: 1 });
    } else if (tool === "ignore") drawn.tracker.ignore.push(outline);
    else drawn.tracker.region = outline;
    chosen = polygons(tool).length - 1;
  }
  outline = null;
  list();
  changed();
}

function choose(name) {
  tool = name;
  chosen = 0;
  outline = null;
  list();
  draw();
}

/** The controls beside the picture. */
function list() {
  for (const button of document.querySelectorAll("[data-tool]")) button.setAttribute("aria-pressed", button.dataset.tool === tool);
  for (const section of document.querySelectorAll("[data-for]")) section.hidden = section.dataset.for !== tool;
  $("drawing").hidden = !outline;
  $("points").hidden = tool === "corners" || Boolean(outline) || !polygons(tool).length;
  for (const button of document.querySelectorAll("[data-add]")) button.hidden = Boolean(outline) || (tool === "region" && polygons(tool).length > 0);
  const { size, mirror, outside } = drawn.surface;
  $("width").value = size ? size[0] : $("width").value;
  $("height").value = size ? size[1] : $("height").value;
  $("mirror").checked = mirror;
  $("outside").value = outside;
  if (tool === "corners") return;
  const names = { zones: "zone", region: "the region", ignore: "part" };
  $(tool === "zones" ? "zones" : tool).replaceChildren(...polygons(tool).map((_, index) => {
    const row = document.createElement("li");
    row.className = `${tool} ${index === chosen ? "chosen" : ""}`;
    if (tool === "zones") row.append(...fields(drawn.surface.zones[index]));
    else {
      const name = document.createElement("span");
      name.textContent = tool === "region" ? names.region : `${names[tool]} ${index + 1}`;
      row.append(name);
    }
    const remove = document.createElement("button");
    remove.type = "button";
    remove.textContent = "×";
    remove.setAttribute("aria-label", "remove");
    remove.onclick = () => removePolygon(index);
    row.append(remove);
    row.onpointerdown = row.onfocusin = (event) => {
      if (index === chosen || event.target === remove) return;
      chosen = index;
      for (const [i, other] of [...row.parentElement.children].entries()) other.classList.toggle("chosen", i === index);
      draw();
    };
    return row;
  }));
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

// Hands on it

for (const each of [picture, surface]) {
  each.svg.addEventListener("pointerdown", (event) => down(each, event));
  each.svg.addEventListener("pointermove", (event) => move(each, event));
  for (const name of ["pointerup", "pointercancel"]) each.svg.addEventListener(name, up);
  each.svg.addEventListener("keydown", key);
}

function down(of, event) {
  if (!drawn || !event.isPrimary || event.button || of !== board()) return;
  const place = at(of, event);
  if (outline) {
    event.preventDefault();
    const [x, y] = outline.length ? pixels(of, outline[0]) : [Infinity, 0], [px, py] = pixels(of, place);
    if (outline.length >= 3 && Math.hypot(px - x, py - y) < NEAR) return endOutline();
    outline.push(place.map(within));
    return draw();
  }
  const grip = event.target.closest(".handle");
  if (!grip) {
    const index = polygons(tool).findIndex((polygon) => inside(place, polygon));
    if (tool !== "corners" && index >= 0) {
      chosen = index;
      list();
      draw();
    }
    return;
  }
  event.preventDefault();
  remember();
  const polygon = polygons(tool)[chosen];
  let index = parseInt(grip.dataset.key.split(".").at(-1));
  const fresh = grip.dataset.key.endsWith("+");
  if (fresh) {
    const next = polygon[(index + 1) % polygon.length];
    const middle = [0, 1].map((k) => rounded((polygon[index][k] + next[k]) / 2));
    polygon.splice((index += 1), 0, middle);
    draw();
  }
  const point = polygon[index];
  held = { polygon, index, moved: fresh, off: [point[0] - place[0], point[1] - place[1]], id: event.pointerId };
  of.svg.setPointerCapture(event.pointerId);
  document.querySelector(`[data-key="${tool}.${chosen}.${index}"]`)?.focus({ preventScroll: true });
  if (of === picture) look(point);
}

function move(of, event) {
  if (!held || event.pointerId !== held.id) return;
  const place = at(of, event), point = held.polygon[held.index];
  const next = [0, 1].map((k) => within(place[k] + held.off[k]));
  if (next[0] === point[0] && next[1] === point[1]) return;
  held.polygon[held.index] = next;
  held.moved = true;
  if (of === picture) look(next);
  changed();
}

function up(event) {
  if (!held || event.pointerId !== held.id) return;
  const { moved, index } = held, name = `${tool}.${chosen}.${index}`;
  held = null;
  $("lens").hidden = true;
  if (!moved) past.pop();
  const twice = !moved && tapped.key === name && performance.now() - tapped.at < TWICE_MS;
  tapped = moved || twice ? { key: "", at: 0 } : { key: name, at: performance.now() };
  if (twice) removePoint(index);
  else changed();
}

let pressed = { key: "", at: 0 }; // one undo takes back a row of arrow keys

function key(event) {
  const grip = event.target.closest?.(".handle");
  if (!grip) return;
  const index = parseInt(grip.dataset.key.split(".").at(-1));
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (event.key === "Delete" || event.key === "Backspace") removePoint(index);
  else if (step) {
    const now = performance.now(), far = event.shiftKey ? 10 : 1;
    if (pressed.key !== grip.dataset.key || now - pressed.at > 1000) remember();
    pressed = { key: grip.dataset.key, at: now };
    const [width, height] = board() === picture && last ? [last.width, last.height] : board().box.slice(2);
    const polygon = polygons(tool)[chosen], [x, y] = polygon[index];
    polygon[index] = [within(x + (step[0] * far) / width), within(y + (step[1] * far) / height)];
    changed();
  } else return;
  event.preventDefault();
}

function inside([x, y], polygon) {
  let odd = false;
  for (const [i, [x1, y1]] of polygon.entries()) {
    const [x2, y2] = polygon[(i + 1) % polygon.length];
    if (y1 > y !== y2 > y && x < x1 + ((y - y1) * (x2 - x1)) / (y2 - y1)) odd = !odd;
  }
  return odd;
}

for (const button of document.querySelectorAll("[data-tool]")) button.onclick = () => choose(button.dataset.tool);
for (const button of document.querySelectorAll("[data-add]")) {
  button.onclick = () => {
    outline = [];
    list();
    draw();
  };
}
for (const id of ["width", "height"]) {
  $(id).onchange = () => {
    remember();
    const [width, height] = [Number($("width").value), Number($("height").value)];
    drawn.surface.size = width && height ? [width, height] : null;
    changed();
  };
}
$("mirror").onchange = () => {
  remember();
  drawn.surface.mirror = $("mirror").checked;
  changed();
};
$("outside").onchange = () => {
  remember();
  drawn.surface.outside = $("outside").value;
  changed();
};
$("whole").onclick = () => {
  remember();
  drawn.surface.corners = [[0, 0], [1, 0], [1, 1], [0, 1]];
  changed();
};
$("end").onclick = endOutline;
$("cancel").onclick = () => {
  outline = null;
  list();
  draw();
};
$("undo").onclick = undo;
$("save").onclick = save;
addEventListener("keydown", (event) => {
  const typing = event.target.matches("input[type=text], input[type=number]");
  if ((event.ctrlKey || event.metaKey) && event.key === "s") {
    event.preventDefault();
    if (!$("save").disabled) save();
  } else if ((event.ctrlKey || event.metaKey) && event.key === "z" && !typing) {
    event.preventDefault();
    undo();
  } else if (event.key === "Escape" && outline) $("cancel").click();
  else if (event.key === "Enter" && outline && event.target.tagName !== "BUTTON") endOutline();
});
addEventListener("beforeunload", (event) => {
  if (drawn && JSON.stringify(drawn) !== saved) event.preventDefault();
});
