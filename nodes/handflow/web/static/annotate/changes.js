// Changes of the boxes: each is told to the server.

import { moved, near } from "./boxes.js";
import { draw } from "./drawing.js";
import { commit } from "./server.js";
import { followers, state } from "./state.js";

export function pick(id) {
  state.chosen = id;
  draw();
  followers.all();
}

export function removeChosen() {
  if (!state.hands.some(({ id }) => id === state.chosen)) return;
  state.hands = state.hands.filter(({ id }) => id !== state.chosen);
  state.chosen = null;
  commit();
}

export function setKind(of) {
  state.kind = of;
  const hand = state.hands.find(({ id }) => id === state.chosen);
  if (hand && hand.kind !== of) {
    hand.kind = of;
    commit();
  } else followers.all();
}

export function acceptFound(which) {
  for (const { box, kind: of } of which) {
    const lost = state.hands.find((hand) => hand.lost && near(hand.box, box));
    if (lost) Object.assign(lost, { box, by: "model", lost: false }); // found again: it stays who it is
    else state.hands.push({ id: state.fresh++, box, kind: of, by: "model" });
  }
  if (which.length) commit();
}

export function nudge(dx, dy) {
  const hand = state.hands.find(({ id }) => id === state.chosen);
  if (!hand) return;
  hand.box = moved(hand.box, dx, dy);
  delete hand.lost;
  commit();
}
