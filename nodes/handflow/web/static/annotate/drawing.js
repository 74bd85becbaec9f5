// Draws the boxes on the picture, and what is labelled over the whole clip.

import { clamp, layout, onScreen, svg } from "./boxes.js";
import { $, state } from "./state.js";

const GRIP = 13; // pixels around a corner that take hold of it
const COLOURS = { k: "#3ddc97", c: "#1f6b4d", d: "#ff8f6b" };

function element(name, attributes, ...inside) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...inside);
  return made;
}

function rect(box, attributes) {
  const [x, y, width, height] = onScreen(box);
  return element("rect", { x, y, width, height, rx: 3, ...attributes });
}

export function draw() {
  if (!state.now) return;
  layout();
  const last = state.hands.filter(({ id }) => id === state.chosen);
  svg.replaceChildren(
    ...state.now.found.map((found, index) => suggestion(found, index)),
    ...state.hands.filter(({ id }) => id !== state.chosen).map(drawn), // the chosen one is on top, to be taken hold of
    ...last.map(drawn),
  );
  if (state.held?.what === "fresh") svg.append(rect(state.held.box, { class: `state.fresh ${state.kind}` }));
}

function drawn(hand) {
  const [x, y, w, h] = onScreen(hand.box);
  const made = element("g", { class: `hand ${hand.kind} ${hand.lost ? "lost" : ""} ${hand.id === state.chosen ? "chosen" : ""}`, "data-id": hand.id });
  made.append(rect(hand.box, { class: "shade" }), rect(hand.box, { class: "box" }));
  made.append(element("text", { class: "name", x: x + 1, y: y > 20 ? y - 7 : y + h + 17 }, `${hand.id} ${hand.lost ? "lost" : hand.kind}`));
  if (hand.id === state.chosen) {
    for (const [corner, [cx, cy]] of [[x, y], [x + w, y], [x + w, y + h], [x, y + h]].entries()) {
      const grip = element("g", { class: "corner", "data-corner": corner });
      grip.append(element("circle", { class: "grip", cx, cy, r: GRIP }), element("circle", { class: "dot", cx, cy, r: 5 }));
      made.append(grip);
    }
  }
  return made;
}

function suggestion(found, index) {
  const [x, y, , h] = onScreen(found.box);
  const made = element("g", { class: "found", "data-found": index });
  made.append(rect(found.box, { class: "box" }));
  made.append(element("text", { class: "name", x: x + 1, y: y > 20 ? y - 7 : y + h + 17 }, `${found.kind}? ${found.score}`));
  return made;
}

/** What is labelled, over the whole clip. */
export function drawLine() {
  if (!state.now) return;
  const line = $("line"), ratio = devicePixelRatio || 1;
  const width = (line.width = Math.round(line.clientWidth * ratio)), height = (line.height = Math.round(line.clientHeight * ratio));
  const context = line.getContext("2d"), { states, frame } = state.now, count = states.length;
  const left = (n) => Math.round((n * width) / count);
  context.fillStyle = "#2a333b";
  context.fillRect(0, height * 0.44, width, height * 0.12);
  for (const letter of ["c", "d", "k"]) { // what matters most is drawn last, where a pixel holds several frames
    context.fillStyle = COLOURS[letter];
    const tall = letter === "k" ? 0.56 : 0.3;
    for (let n = states.indexOf(letter); n >= 0; n = states.indexOf(letter, n + 1)) {
      const from = left(n), wide = Math.max(letter === "k" ? 2 * ratio : ratio, left(n + state.every) - from - (width / count > 6 * ratio ? ratio : 0));
      context.fillRect(from, (height * (1 - tall)) / 2, wide, height * tall);
    }
  }
  const cursor = clamp(Math.round(((frame + 0.5) * width) / count), ratio, width - 2 * ratio);
  context.fillStyle = "#fff";
  context.fillRect(cursor - ratio, height * 0.1, 2 * ratio, height * 0.8);
  line.setAttribute("aria-valuenow", frame);
}
