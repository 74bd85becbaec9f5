// Boxes [x, y, width, height] and where they lie on the page.

import { $, state } from "./state.js";

export const stage = $("picture"), svg = stage.querySelector("svg"), canvas = stage.querySelector("canvas");

/** Finds room for the picture in its stage. */
export function layout() {
  const { clientWidth, clientHeight } = stage, { width, height } = state.now;
  const fit = Math.min(clientWidth / width, clientHeight / height);
  state.view.scale = fit * state.view.zoom;
  const place = (room, size, middle) => {
    const length = size * state.view.scale;
    return length <= room ? (room - length) / 2 : Math.min(0, Math.max(room - length, room / 2 - middle * length));
  };
  state.view.left = place(clientWidth, width, state.view.x);
  state.view.top = place(clientHeight, height, state.view.y);
  Object.assign(canvas.style, { width: `${width * state.view.scale}px`, height: `${height * state.view.scale}px`, transform: `translate(${state.view.left}px, ${state.view.top}px)` });
}

export function at(event) {
  const { x, y } = svg.getBoundingClientRect();
  return [(event.clientX - x - state.view.left) / state.view.scale, (event.clientY - y - state.view.top) / state.view.scale];
}

export const onScreen = ([x, y, w, h]) => [state.view.left + x * state.view.scale, state.view.top + y * state.view.scale, w * state.view.scale, h * state.view.scale];
const rounded = (value) => Math.round(value * 10) / 10;
export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** The box between two points, as far as it lies in the picture. */
export function between([x1, y1], [x2, y2]) {
  const [left, right] = [Math.min(x1, x2), Math.max(x1, x2)].map((v) => clamp(v, 0, state.now.width));
  const [top, bottom] = [Math.min(y1, y2), Math.max(y1, y2)].map((v) => clamp(v, 0, state.now.height));
  return [left, top, right - left, bottom - top].map(rounded);
}

/** A box moved, of which something stays in the picture. */
export function moved([x, y, w, h], dx, dy) {
  return [clamp(x + dx, 1 - w, state.now.width - 1), clamp(y + dy, 1 - h, state.now.height - 1), w, h].map(rounded);
}

export function near([x, y, w, h], [px, py, pw, ph]) {
  return Math.hypot(x + w / 2 - px - pw / 2, y + h / 2 - py - ph / 2) < 1.5 * Math.max(w, h);
}

export function meets(one, other) {
  const inside = ([x, y, w, h], [px, py, pw, ph]) => x + w / 2 >= px && x + w / 2 <= px + pw && y + h / 2 >= py && y + h / 2 <= py + ph;
  return inside(one, other) || inside(other, one);
}
