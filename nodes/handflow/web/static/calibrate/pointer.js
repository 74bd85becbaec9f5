// Fingers, mouse and arrow keys on the picture and the surface.

import { changed, endOutline, refresh, remember, removePoint } from "./changes.js";
import { NEAR, draw, look } from "./drawing.js";
import { at, board, inside, picture, pixels, rounded, surface, within } from "./layout.js";
import { add } from "./panel.js";
import { $, movePoint, polygons, state } from "./state.js";

const TWICE_MS = 400;

let tapped = { key: "", at: 0 };
let pressed = { key: "", at: 0 }; // one undo takes back a row of arrow keys

for (const each of [picture, surface]) {
  each.svg.addEventListener("pointerdown", (event) => down(each, event));
  each.svg.addEventListener("pointermove", (event) => move(each, event));
  for (const name of ["pointerup", "pointercancel"]) each.svg.addEventListener(name, up);
  each.svg.addEventListener("keydown", key);
}

function down(of, event) {
  if (!state.drawn || !event.isPrimary || event.button || of !== board()) return;
  const place = at(of, event);
  if (state.outline) {
    event.preventDefault();
    const [x, y] = state.outline.length ? pixels(of, state.outline[0]) : [Infinity, 0], [px, py] = pixels(of, place);
    if (state.outline.length >= 3 && Math.hypot(px - x, py - y) < NEAR) return endOutline();
    state.outline.push(place.map(within));
    return draw();
  }
  const grip = event.target.closest(".handle");
  if (!grip && state.tool === "points") {
    event.preventDefault();
    if (add(place.map(within))) take(of, event, place, polygons("points")[0].length - 1, true);
    return;
  }
  if (!grip) {
    const index = polygons(state.tool).findIndex((polygon) => inside(place, polygon));
    if (state.tool !== "corners" && index >= 0) {
      state.chosen = index;
      refresh();
      draw();
    }
    return;
  }
  event.preventDefault();
  remember();
  const polygon = polygons(state.tool)[state.chosen];
  let index = parseInt(grip.dataset.key.split(".").at(-1));
  const fresh = grip.dataset.key.endsWith("+");
  if (fresh) {
    const next = polygon[(index + 1) % polygon.length];
    const middle = [0, 1].map((k) => rounded((polygon[index][k] + next[k]) / 2));
    polygon.splice((index += 1), 0, middle);
    draw();
  }
  take(of, event, place, index, fresh);
}

/** Takes hold of the chosen polygon's point `index`. */
function take(of, event, place, index, fresh) {
  const point = polygons(state.tool)[state.chosen][index];
  state.held = { index, moved: fresh, off: [point[0] - place[0], point[1] - place[1]], id: event.pointerId };
  of.svg.setPointerCapture(event.pointerId);
  document.querySelector(`[data-key="${state.tool}.${state.chosen}.${index}"]`)?.focus({ preventScroll: true });
  if (of === picture) look(point);
}

function move(of, event) {
  if (!state.held || event.pointerId !== state.held.id) return;
  const place = at(of, event), point = polygons(state.tool)[state.chosen][state.held.index];
  const next = [0, 1].map((k) => within(place[k] + state.held.off[k]));
  if (next[0] === point[0] && next[1] === point[1]) return;
  movePoint(state.held.index, next);
  state.held.moved = true;
  if (of === picture) look(next);
  changed();
}

function up(event) {
  if (!state.held || event.pointerId !== state.held.id) return;
  const { moved, index } = state.held, name = `${state.tool}.${state.chosen}.${index}`;
  state.held = null;
  $("lens").hidden = true;
  if (!moved) state.past.pop();
  const twice = !moved && tapped.key === name && performance.now() - tapped.at < TWICE_MS;
  tapped = moved || twice ? { key: "", at: 0 } : { key: name, at: performance.now() };
  if (twice) removePoint(index);
  else changed();
}

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
    const [width, height] = board() === picture && state.last ? [state.last.width, state.last.height] : board().box.slice(2);
    const [x, y] = polygons(state.tool)[state.chosen][index];
    movePoint(index, [within(x + (step[0] * far) / width), within(y + (step[1] * far) / height)]);
    changed();
  } else return;
  event.preventDefault();
}
