// Mouse and fingers on the picture and on the line of the clip.

import { at, between, clamp, moved, stage, svg } from "./boxes.js";
import { acceptFound, pick } from "./changes.js";
import { seek } from "./clip.js";
import { draw } from "./drawing.js";
import { commit } from "./server.js";
import { $, end, state } from "./state.js";

const SMALLEST = 5; // pixels of the screen; a smaller box was a slip of the mouse

svg.addEventListener("pointerdown", (event) => {
  if (!state.now || !event.isPrimary || event.button || state.playing) return;
  event.preventDefault();
  document.activeElement?.blur();
  const place = at(event), found = event.target.closest(".found");
  const group = event.shiftKey ? null : event.target.closest(".hand");
  if (found && !event.shiftKey) return acceptFound([state.now.found[Number(found.dataset.found)]]);
  svg.setPointerCapture(event.pointerId);
  if (!group) {
    state.held = { what: "fresh", from: place, box: between(place, place) };
    return pick(null);
  }
  const hand = state.hands.find(({ id }) => String(id) === group.dataset.id);
  const corner = event.target.closest(".corner")?.dataset.corner;
  state.held = { what: corner === undefined ? "move" : "resize", hand, corner: Number(corner), from: place, start: hand.box };
  pick(hand.id);
});

svg.addEventListener("pointermove", (event) => {
  if (!state.held) return;
  const place = at(event), { what, hand, from, start } = state.held;
  if (what === "fresh") state.held.box = between(from, place);
  else {
    const [x, y, w, h] = start, dx = place[0] - from[0], dy = place[1] - from[1];
    state.held.moved ||= Math.hypot(dx, dy) * state.view.scale > 1;
    if (!state.held.moved) return;
    if (what === "move") hand.box = moved(start, dx, dy);
    else {
      const opposite = [[x + w, y + h], [x, y + h], [x, y], [x + w, y]][state.held.corner];
      const box = between(opposite, [[x, y], [x + w, y], [x + w, y + h], [x, y + h]][state.held.corner].map((v, k) => v + [dx, dy][k]));
      if (Math.min(box[2], box[3]) * state.view.scale >= SMALLEST) hand.box = box;
    }
    delete hand.lost;
  }
  draw();
});

for (const name of ["pointerup", "pointercancel"]) {
  svg.addEventListener(name, () => {
    if (!state.held) return;
    const { what, box, moved: changed } = state.held;
    state.held = null;
    if (what === "fresh") {
      if (Math.min(box[2], box[3]) * state.view.scale < SMALLEST) return draw();
      state.chosen = state.fresh++;
      state.hands.push({ id: state.chosen, box, kind: state.kind });
      commit();
    } else if (changed) commit();
  });
}

svg.addEventListener("wheel", (event) => {
  if (!state.now) return;
  event.preventDefault();
  const before = at(event), zoom = clamp(state.view.zoom * 1.0018 ** -event.deltaY, 1, 16);
  const { x, y } = svg.getBoundingClientRect(), scale = (state.view.scale / state.view.zoom) * zoom;
  // What is under the mouse stays there.
  state.view.x = (before[0] + (stage.clientWidth / 2 - (event.clientX - x)) / scale) / state.now.width;
  state.view.y = (before[1] + (stage.clientHeight / 2 - (event.clientY - y)) / scale) / state.now.height;
  state.view.zoom = zoom;
  draw();
}, { passive: false });

function toFrame(event) {
  const { x, width } = $("line").getBoundingClientRect();
  const frame = Math.floor(((event.clientX - x) / width) * (end() + 1));
  seek(clamp(frame - (frame % state.every), 0, end()));
}

$("line").addEventListener("pointerdown", (event) => {
  state.playing = false;
  $("line").setPointerCapture(event.pointerId);
  toFrame(event);
});
$("line").addEventListener("pointermove", (event) => { if (event.buttons) toFrame(event); });
