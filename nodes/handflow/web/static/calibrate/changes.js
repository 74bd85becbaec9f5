// Changes of what is drawn: each is remembered, drawn anew and checked; the panel beside the picture follows.

import { draw } from "./drawing.js";
import { check } from "./server.js";
import { $, polygons, state } from "./state.js";

const CHECK_MS = 120; // after the last change

let checking = 0;

/** What else shows the state: the panel. */
export const followers = [];

/** What follows each move, without losing the focus: figures beside the points. */
export const watchers = [];

export const refresh = () => followers.forEach((follow) => follow());

export function remember() {
  state.past.push(JSON.stringify(state.drawn));
  if (state.past.length > 200) state.past.shift();
}

export function changed() {
  draw();
  watchers.forEach((watch) => watch());
  $("undo").disabled = !state.past.length;
  clearTimeout(checking);
  checking = setTimeout(check, CHECK_MS);
}

export function undo() {
  if (!state.past.length) return;
  state.drawn = JSON.parse(state.past.pop());
  state.chosen = Math.min(state.chosen, Math.max(0, polygons(state.tool).length - 1));
  refresh();
  changed();
}

export function removePoint(index) {
  const polygon = state.tool === "points" ? state.drawn.surface.points : polygons(state.tool)[state.chosen];
  if (state.tool === "corners" || (state.tool !== "points" && polygon.length <= 3)) return;
  remember();
  polygon.splice(index, 1);
  refresh();
  changed();
}

export function removePolygon(index) {
  remember();
  if (state.tool === "zones") state.drawn.surface.zones.splice(index, 1);
  else if (state.tool === "ignore") state.drawn.tracker.ignore.splice(index, 1);
  else state.drawn.tracker.region = null;
  state.chosen = 0;
  refresh();
  changed();
}

export function endOutline() {
  if (state.outline.length >= 3) {
    remember();
    if (state.tool === "zones") {
      const names = state.drawn.surface.zones.map((zone) => zone.name);
      let number = names.length + 1;
      while (names.includes(`zone ${number}`)) number += 1;
      state.drawn.surface.zones.push({ name: `zone ${number}`, polygon: state.outline, dwell_s: 1 });
    } else if (state.tool === "ignore") state.drawn.tracker.ignore.push(state.outline);
    else state.drawn.tracker.region = state.outline;
    state.chosen = polygons(state.tool).length - 1;
  }
  state.outline = null;
  refresh();
  changed();
}

export function choose(name) {
  state.tool = name;
  state.chosen = 0;
  state.outline = null;
  refresh();
  draw();
}
