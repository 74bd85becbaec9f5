// Talks to the server: frames are asked for, edits are told, one after the other.

import { canvas, meets } from "./boxes.js";
import { draw, drawLine } from "./drawing.js";
import { $, followers, state } from "./state.js";

let edits = 0;
let turn = Promise.resolve();

async function post(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const told = await answer.json();
  if (told.error) throw new Error(told.error);
  return told;
}

/** Does one thing after the other: what is asked, and what is shown of the answer. */
function queue(job) {
  state.waiting += 1;
  const done = turn.then(job).then(hush, (wrong) => {
    state.playing = false;
    say(wrong.message);
  }).finally(() => {
    state.waiting -= 1;
    followers.buttons();
  });
  turn = done;
  return done;
}

export function show(frame) {
  state.here = frame;
  const of = state.clip, find = !state.playing;
  return queue(async () => {
    const [told, image] = await Promise.all([post("show", { clip: of, frame, find }), load(of, frame)]);
    take(told, image);
  });
}

async function load(of, frame) {
  const answer = await fetch(`picture/${of}/${frame}`);
  if (!answer.ok) throw new Error((await answer.json()).error ?? answer.statusText);
  return createImageBitmap(await answer.blob());
}

function take(told, image) {
  state.held = null;
  const resized = !state.now || state.now.clip !== told.clip || state.now.width !== told.width || state.now.height !== told.height;
  state.now = told;
  state.hands = structuredClone(told.hands);
  state.fresh = Math.max(state.fresh, told.fresh);
  if (!state.hands.some(({ id }) => id === state.chosen)) state.chosen = null;
  if (image) {
    if (canvas.width !== image.width || canvas.height !== image.height) {
      canvas.width = image.width;
      canvas.height = image.height;
    }
    canvas.getContext("2d").drawImage(image, 0, 0);
    image.close();
    $("nothing").hidden = true;
    document.documentElement.dataset.frame = told.frame;
  }
  if (resized) state.view.zoom = 1;
  const lost = state.hands.filter(({ lost: gone }) => gone).length;
  hint(lost ? `Lost ${lost > 1 ? `${lost} state.hands` : "a hand"}: drag or delete the dotted box, or take what was found near it. Until then this frame is not learned from.` : "");
  if (lost) state.playing = false;
  draw();
  followers.all();
  drawLine();
}

/** The hands as they are here are right, but for those still lost, unless `all` are: the server is told. */
export function commit(all = false) {
  const number = ++edits, { clip: of, frame } = state.now;
  const sent = state.hands.map(({ id, box, kind: what, by, lost }) => ({ id, box, kind: what, by, lost: Boolean(lost) && !all }));
  state.now.found = state.now.found.filter(({ box }) => !state.hands.some((hand) => !hand.lost && meets(hand.box, box)));
  draw();
  followers.all();
  return queue(async () => {
    const told = await post("edit", { clip: of, frame, hands: sent });
    if (number === edits && state.now.frame === frame && state.now.clip === of && !state.held) take(told);
    else if (state.now.clip === of) {
      Object.assign(state.now, { states: told.states, undo: told.undo });
      drawLine();
    }
  });
}

export function undo() {
  return queue(async () => {
    const told = await post("undo", { clip: state.now.clip });
    edits += 1;
    state.here = told.frame;
    take(told, told.frame === state.now.frame ? null : await load(told.clip, told.frame));
  });
}

function say(text) {
  $("said").hidden = false;
  $("said").textContent = text;
  $("said").classList.add("bad");
}

function hush() {
  $("said").hidden = true;
}

function hint(text) {
  $("hint").hidden = !text;
  $("hint").textContent = text;
}
