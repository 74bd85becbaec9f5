// The controls beside the picture.

import { pick, removeChosen } from "./changes.js";
import { $, end, followers, state } from "./state.js";

const STATES = { k: "put right", c: "carried", d: "a hand was lost", ".": "not labelled" };

/** The controls beside the picture. */
function list() {
  const { frame, title, states, found } = state.now;
  const letter = states[frame];
  $("state").dataset.state = letter;
  $("state").textContent = STATES[letter];
  const count = document.createElement("b");
  count.textContent = frame + (title ? 1 : 0);
  $("count").replaceChildren(count, ` / ${title ? end() + 1 : end()}`);
  $("count").title = title;
  $("none").hidden = state.hands.length > 0 || letter === "k";
  $("accept").disabled = !found.length;
  const of = state.hands.find(({ id }) => id === state.chosen)?.kind ?? state.kind;
  for (const button of document.querySelectorAll("[data-kind]")) button.setAttribute("aria-pressed", button.dataset.kind === of);
  $("hands").replaceChildren(...state.hands.map((hand) => {
    const row = document.createElement("li"), name = document.createElement("button"), remove = document.createElement("button");
    row.className = `${hand.kind} ${hand.lost ? "lost" : ""} ${hand.id === state.chosen ? "chosen" : ""}`;
    const colour = document.createElement("i"), size = document.createElement("small");
    size.textContent = hand.lost ? "lost" : `${Math.round(hand.box[2])} × ${Math.round(hand.box[3])}`;
    name.append(colour, `${hand.id} ${hand.kind}`, size);
    remove.textContent = "×";
    remove.setAttribute("aria-label", `delete box ${hand.id}`);
    name.type = remove.type = "button";
    name.onclick = () => pick(hand.id);
    remove.onclick = () => { pick(hand.id); removeChosen(); };
    row.append(name, remove);
    return row;
  }));
  buttons();
}

function buttons() {
  $("undo").disabled = !state.now?.undo;
  $("play").textContent = state.playing ? "Stop" : "Play";
  $("play").setAttribute("aria-pressed", state.playing);
  $("back").disabled = state.here === 0;
  $("next").disabled = !state.clips.length || state.here === end();
}

followers.all = list;
followers.buttons = buttons;
