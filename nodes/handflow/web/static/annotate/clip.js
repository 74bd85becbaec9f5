// Going through a clip.

import { show } from "./server.js";
import { $, end, followers, state } from "./state.js";

let seeking = false, wished = null;

export async function begin() {
  try {
    const told = await (await fetch("state")).json();
    state.clips = told.clips;
    state.every = told.every;
    $("folder").textContent = told.folder;
    $("clips").replaceChildren(...state.clips.map(({ name }, index) => new Option(name, index)));
    $("clips").parentElement.hidden = state.clips.length < 2;
    await choose(told.start);
  } catch {
    setTimeout(begin, 1000);
  }
}

export async function choose(index) {
  state.clip = Number(index);
  $("clips").value = state.clip;
  state.playing = false;
  state.fresh = 1;
  state.here = 0;
  const { moving, at: first, frames } = state.clips[state.clip];
  $("play").hidden = !moving;
  $("line").setAttribute("aria-valuemax", frames - 1);
  await show(first);
}

/** To the frame that is `count` steps away; each key press is a step of its own, so that no frame is passed unseen. */
export function step(count, again = false) {
  const to = state.clips.length ? Math.min(end(), Math.max(0, state.here + count * state.every)) : state.here;
  if (to === state.here || (again && state.waiting)) return Promise.resolve();
  state.clips[state.clip].at = to;
  return show(to);
}

/** To any frame; of several wishes while one is on its way the last one counts. */
export async function seek(frame) {
  wished = Math.min(end(), Math.max(0, frame));
  if (seeking) return;
  seeking = true;
  while (wished !== null) {
    const next = wished;
    wished = null;
    state.clips[state.clip].at = next;
    await show(next);
  }
  seeking = false;
}

export async function play() {
  state.playing = !state.playing;
  followers.buttons();
  while (state.playing && state.here < end()) {
    const began = performance.now();
    await step(1);
    const rest = (1000 * state.every) / state.clips[state.clip].fps - (performance.now() - began);
    await new Promise((done) => setTimeout(done, Math.max(0, rest)));
  }
  if (state.playing) state.playing = false;
  followers.buttons();
  show(state.here); // what is found is looked for where one stops
}

export function toKey(direction) {
  const states = state.now.states;
  const key = direction > 0 ? states.indexOf("k", state.now.frame + 1) : state.now.frame > 0 ? states.lastIndexOf("k", state.now.frame - 1) : -1;
  if (key >= 0) seek(key);
}
