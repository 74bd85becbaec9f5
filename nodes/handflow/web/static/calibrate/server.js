// Talks to the server: what is drawn is loaded, checked and saved; pictures come over a socket.

import { draw, drawHands } from "./drawing.js";
import { picture, surface } from "./layout.js";
import { $, state } from "./state.js";

const STALE_MS = 2000;

let asked = 0, failures = 0, heard = 0;

/** `ready` is called when what is drawn has come. */
export async function load(ready) {
  try {
    const told = await (await fetch("drawn")).json();
    take(told);
    if (state.drawn.surface.points.length) state.tool = "points";
    if (!state.drawn.tracker) for (const name of ["region", "ignore"]) document.querySelector(`[data-tool=${name}]`).hidden = true;
    if (told.new) say("The graph has no surface yet: saving puts one behind its tracker.");
    ready();
    draw();
  } catch {
    setTimeout(load, 1000, ready);
  }
}

function take({ graph, surface, tracker }) {
  state.drawn = tracker ? { surface, tracker } : { surface };
  state.saved = JSON.stringify(state.drawn);
  $("graph").textContent = graph;
}

async function post(path) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(state.drawn),
  });
  const told = await answer.json();
  if (told.error) throw new Error(told.error);
  return told;
}

export async function check() {
  const number = ++asked;
  let error = "";
  try {
    await post("check");
  } catch (wrong) {
    error = wrong.message;
  }
  if (number !== asked) return;
  $("error").hidden = !error;
  $("error").textContent = error;
  $("save").disabled = Boolean(error) || JSON.stringify(state.drawn) === state.saved;
}

/** Saves; what the server has made of it is what is drawn then. */
export async function save() {
  $("save").disabled = true;
  try {
    const told = await post("save");
    take(told);
    say(told.done[0].toUpperCase() + told.done.slice(1) + ".");
  } catch (wrong) {
    say(wrong.message, true);
  }
}

function say(text, bad = false) {
  $("said").hidden = false;
  $("said").textContent = text;
  $("said").classList.toggle("bad", bad);
}

export function connect() {
  const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live`);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => { failures = 0; };
  socket.onmessage = async ({ data }) => {
    await show(data).catch(console.error);
    if (socket.readyState === WebSocket.OPEN) socket.send("drawn");
  };
  socket.onclose = () => setTimeout(connect, Math.min(3000, 300 * 2 ** failures++));
}

/** A message: uint32 length, a JSON head, the picture as a JPEG. */
async function show(data) {
  const length = new DataView(data).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
  const image = await createImageBitmap(new Blob([new Uint8Array(data, 4 + length)], { type: "image/jpeg" }));
  const resized = !state.last || state.last.width !== head.width || state.last.height !== head.height;
  for (const { canvas } of [picture, surface]) {
    if (canvas.width !== image.width || canvas.height !== image.height) {
      canvas.width = image.width;
      canvas.height = image.height;
    }
    canvas.getContext("2d").drawImage(image, 0, 0);
  }
  image.close();
  state.last = head;
  heard = performance.now();
  document.documentElement.dataset.frame = head.frame;
  if (resized) draw();
  else drawHands();
}

export function judge() {
  const silent = !state.last || performance.now() - heard > STALE_MS;
  const sign = $("state");
  sign.dataset.state = silent ? "away" : state.last.state === "live" ? "live" : "still";
  sign.textContent = silent ? "no picture" : state.last.state;
  $("nothing").hidden = Boolean(state.last);
}
