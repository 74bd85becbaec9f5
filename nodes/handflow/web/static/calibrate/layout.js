// Where the picture and the surface lie on the page, and positions in them.

import { $, state } from "./state.js";

function view(id) {
  const stage = $(id);
  return { stage, svg: stage.querySelector("svg"), canvas: stage.querySelector("canvas"), box: [0, 0, 1, 1], pad: 0.05 };
}

export const picture = view("picture"), surface = view("surface");

export const board = () => (state.tool === "zones" ? surface : picture); // where the tool draws

/** Finds room for the picture and the surface in their stages, with a rim that corners can be drawn out to. */
export function layout() {
  const ratio = state.last ? state.last.width / state.last.height : 16 / 9;
  const size = state.drawn.surface.size;
  const { corners, points } = state.drawn.surface;
  const out = Math.max(...[...corners, ...points.map((point) => point.picture)].flat().map((v) => Math.max(-v, v - 1)));
  if (!state.held) picture.pad = Math.max(0.06, Math.min(1, out + 0.03));
  for (const [each, aspect] of [[picture, ratio], [surface, size ? size[0] / size[1] : ratio]]) {
    const { clientWidth, clientHeight } = each.stage, rim = 1 + 2 * each.pad;
    const width = Math.min(clientWidth / rim, (clientHeight / rim) * aspect), height = width / aspect;
    each.box = [(clientWidth - width) / 2, (clientHeight - height) / 2, width, height];
  }
  const [left, top, width, height] = picture.box;
  Object.assign(picture.canvas.style, { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` });
}

export const pixels = ({ box: [left, top, width, height] }, [x, y]) => [left + x * width, top + y * height];

export function at({ svg, box: [left, top, width, height] }, event) {
  const { x, y } = svg.getBoundingClientRect();
  return [(event.clientX - x - left) / width, (event.clientY - y - top) / height];
}

export const rounded = (value) => Math.round(value * 1e5) / 1e5;

export function within(value) {
  const rim = ["corners", "points"].includes(state.tool) ? picture.pad - 0.01 : 0;
  return rounded(Math.min(1 + rim, Math.max(-rim, value)));
}

export function inside([x, y], polygon) {
  let odd = false;
  for (const [i, [x1, y1]] of polygon.entries()) {
    const [x2, y2] = polygon[(i + 1) % polygon.length];
    if (y1 > y !== y2 > y && x < x1 + ((y - y1) * (x2 - x1)) / (y2 - y1)) odd = !odd;
  }
  return odd;
}
