// The page: starts it, and what its buttons and keys do.

import { stage } from "./boxes.js";
import { acceptFound, nudge, pick, removeChosen, setKind } from "./changes.js";
import { begin, choose, play, step, toKey } from "./clip.js";
import { draw, drawLine } from "./drawing.js";
import "./panel.js";
import "./pointer.js";
import { commit, undo } from "./server.js";
import { $, state } from "./state.js";

const KEYS = { 1: "open", 2: "other", 3: "unknown", 4: "ignore" };

begin();
new ResizeObserver(() => { draw(); drawLine(); }).observe(stage);

for (const button of document.querySelectorAll("[data-kind]")) button.onclick = () => setKind(button.dataset.kind);
$("clips").onchange = () => {
  $("clips").blur();
  choose($("clips").value);
};
$("back").onclick = () => step(-1);
$("next").onclick = () => step(1);
$("play").onclick = play;
$("undo").onclick = undo;
$("accept").onclick = () => acceptFound(state.now.found);
$("right").onclick = () => commit(true);

addEventListener("keydown", (event) => {
  if (event.target.tagName === "SELECT" || state.held) return;
  const command = event.ctrlKey || event.metaKey, far = event.shiftKey ? 10 : 1;
  const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  const key = event.key.toLowerCase();
  const pressed = event.target.tagName === "BUTTON" && (key === "enter" || key === " ");
  if (pressed || event.altKey) return; // the button's own
  if (!state.now && !(arrow && arrow[0] && !command)) return; // the first picture cannot be read
  if (arrow && command) nudge(arrow[0] * far, arrow[1] * far);
  else if (arrow && arrow[0]) step(arrow[0] * far, event.repeat);
  else if (command && key === "z") undo();
  else if (command) return;
  else if (key === " ") play();
  else if (key === "enter") commit(true);
  else if (key === "delete" || key === "backspace") removeChosen();
  else if (key === "a") acceptFound(state.now.found);
  else if (key === "pageup" || key === "pagedown") toKey(key === "pagedown" ? 1 : -1);
  else if (key === "n" && state.hands.length) pick(state.hands[(state.hands.findIndex(({ id }) => id === state.chosen) + 1) % state.hands.length].id);
  else if (key === "escape") pick(null);
  else if (KEYS[key]) setKind(KEYS[key]);
  else return;
  event.preventDefault();
});
