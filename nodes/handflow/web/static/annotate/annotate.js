// What a frame has lives on the server, which saves it at every change; here is the frame that is looked at. Places are
// pixels of the clip's picture.

const GRIP = 13; // pixels around a corner that take hold of it
const SMALLEST = 5; // pixels of the screen; a smaller box was a slip of the mouse
const STATES = { k: "put right", c: "carried", d: "a hand was lost", ".": "not labelled" };
const COLOURS = { k: "#3ddc97", c: "#1f6b4d", d: "#ff8f6b" };
const KEYS = { 1: "open", 2: "other", 3: "unknown", 4: "ignore" };

const $ = (id) => document.getElementById(id);
const stage = $("picture"), svg = stage.querySelector("svg"), canvas = stage.querySelector("canvas");

let clips = [], every = 1;
let clip = 0; // the one that is looked at
let now = null; // the frame that is looked at, as the server told it
let hands = []; // its hands; changed here first
let fresh = 1; // the next box's id
let kind = "open"; // of the next box
let chosen = null; // id of the box that has handles
let held = null; // what is dragged: {what, hand, corner, from, box}
let view = { left: 0, top: 0, scale: 1, zoom: 1, x: 0.5, y: 0.5 }; // zoomed around x, y of the picture
let playing = false, seeking = false, wished = null, waiting = 0, edits = 0;
let here = 0; // the frame that is wished for: one that cannot be read is to be passed over
let turn = Promise.resolve();

begin();
new ResizeObserver(() => { draw(); drawLine(); }).observe(stage);

// Talking to the server

async function begin() {
  try {
    const told = await (await fetch("state")).json();
    ({ clips, every } = told);
    $("folder").textContent = told.folder;
    $("clips").replaceChildren(...clips.map(({ name }, index) => new Option(name, index)));
    $("clips").parentElement.hidden = clips.length < 2;
    await choose(told.start);
  } catch {
    setTimeout(begin, 1000);
  }
}

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
  waiting += 1;
  const done = turn.then(job).then(hush, (wrong) => {
    playing = false;
    say(wrong.message);
  }).finally(() => {
    waiting -= 1;
    buttons();
  });
  turn = done;
  return done;
}

function show(frame) {
  here = frame;
  const of = clip, find = !playing;
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
  held = null;
  const resized = !now || now.clip !== told.clip || now.width !== told.width || now.height !== told.height;
  now = told;
  hands = structuredClone(told.hands);
  fresh = Math.max(fresh, told.fresh);
  if (!hands.some(({ id }) => id === chosen)) chosen = null;
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
  if (resized) view.zoom = 1;
  const lost = hands.filter(({ lost: gone }) => gone).length;
  hint(lost ? `Lost ${lost > 1 ? `${lost} hands` : "a hand"}: drag or delete the dotted box, or take what was found near it. Until then this frame is not learned from.` : "");
  if (lost) playing = false;
  draw();
  list();
  drawLine();
}

/** The hands as they are here are right, but for those still lost, unless `all` are: the server is told. */
function commit(all = false) {
  const number = ++edits, { clip: of, frame } = now;
  const sent = hands.map(({ id, box, kind: what, by, lost }) => ({ id, box, kind: what, by, lost: Boolean(lost) && !all }));
  now.found = now.found.filter(({ box }) => !hands.some((hand) => !hand.lost && meets(hand.box, box)));
  draw();
  list();
  return queue(async () => {
    const told = await post("edit", { clip: of, frame, hands: sent });
    if (number === edits && now.frame === frame && now.clip === of && !held) take(told);
    else if (now.clip === of) {
      Object.assign(now, { states: told.states, undo: told.undo });
      drawLine();
    }
  });
}

function undo() {
  return queue(async () => {
    const told = await post("undo", { clip: now.clip });
    edits += 1;
    here = told.frame;
    take(told, told.frame === now.frame ? null : await load(told.clip, told.frame));
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

// Going through the clip

async function choose(index) {
  clip = Number(index);
  $("clips").value = clip;
  playing = false;
  fresh = 1;
  here = 0;
  const { moving, at, frames } = clips[clip];
  $("play").hidden = !moving;
  $("line").setAttribute("aria-valuemax", frames - 1);
  await show(at);
}

const end = () => clips[clip].frames - 1;

/** To the frame that is `count` steps away; each key press is a step of its own, so that no frame is passed unseen. */
function step(count, again = false) {
  const to = clips.length ? Math.min(end(), Math.max(0, here + count * every)) : here;
  if (to === here || (again && waiting)) return Promise.resolve();
  clips[clip].at = to;
  return show(to);
}

/** To any frame; of several wishes while one is on its way the last one counts. */
async function seek(frame) {
  wished = Math.min(end(), Math.max(0, frame));
  if (seeking) return;
  seeking = true;
  while (wished !== null) {
    const next = wished;
    wished = null;
    clips[clip].at = next;
    await show(next);
  }
  seeking = false;
}

async function play() {
  playing = !playing;
  buttons();
  while (playing && here < end()) {
    const began = performance.now();
    await step(1);
    const rest = (1000 * every) / clips[clip].fps - (performance.now() - began);
    await new Promise((done) => setTimeout(done, Math.max(0, rest)));
  }
  if (playing) playing = false;
  buttons();
  show(here); // what is found is looked for where one stops
}

function toKey(direction) {
  const states = now.states;
  const key = direction > 0 ? states.indexOf("k", now.frame + 1) : now.frame > 0 ? states.lastIndexOf("k", now.frame - 1) : -1;
  if (key >= 0) seek(key);
}

// Places

/** Finds room for the picture in its stage. */
function layout() {
  const { clientWidth, clientHeight } = stage, { width, height } = now;
  const fit = Math.min(clientWidth / width, clientHeight / height);
  view.scale = fit * view.zoom;
  const place = (room, size, middle) => {
    const length = size * view.scale;
    return length <= room ? (room - length) / 2 : Math.min(0, Math.max(room - length, room / 2 - middle * length));
  };
  view.left = place(clientWidth, width, view.x);
  view.top = place(clientHeight, height, view.y);
  Object.assign(canvas.style, { width: `${width * view.scale}px`, height: `${height * view.scale}px`, transform: `translate(${view.left}px, ${view.top}px)` });
}

function at(event) {
  const { x, y } = svg.getBoundingClientRect();
  return [(event.clientX - x - view.left) / view.scale, (event.clientY - y - view.top) / view.scale];
}

const onScreen = ([x, y, w, h]) => [view.left + x * view.scale, view.top + y * view.scale, w * view.scale, h * view.scale];
const rounded = (value) => Math.round(value * 10) / 10;
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** The box between two points, as far as it lies in the picture. */
function between([x1, y1], [x2, y2]) {
  const [left, right] = [Math.min(x1, x2), Math.max(x1, x2)].map((v) => clamp(v, 0, now.width));
  const [top, bottom] = [Math.min(y1, y2), Math.max(y1, y2)].map((v) => clamp(v, 0, now.height));
  return [left, top, right - left, bottom - top].map(rounded);
}

/** A box moved, of which something stays in the picture. */
function moved([x, y, w, h], dx, dy) {
  return [clamp(x + dx, 1 - w, now.width - 1), clamp(y + dy, 1 - h, now.height - 1), w, h].map(rounded);
}

function near([x, y, w, h], [px, py, pw, ph]) {
  return Math.hypot(x + w / 2 - px - pw / 2, y + h / 2 - py - ph / 2) < 1.5 * Math.max(w, h);
}

function meets(one, other) {
  const inside = ([x, y, w, h], [px, py, pw, ph]) => x + w / 2 >= px && x + w / 2 <= px + pw && y + h / 2 >= py && y + h / 2 <= py + ph;
  return inside(one, other) || inside(other, one);
}

// Drawing

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

function draw() {
  if (!now) return;
  layout();
  const last = hands.filter(({ id }) => id === chosen);
  svg.replaceChildren(
    ...now.found.map((found, index) => suggestion(found, index)),
    ...hands.filter(({ id }) => id !== chosen).map(drawn), // the chosen one is on top, to be taken hold of
    ...last.map(drawn),
  );
  if (held?.what === "fresh") svg.append(rect(held.box, { class: `fresh ${kind}` }));
}

function drawn(hand) {
  const [x, y, w, h] = onScreen(hand.box);
  const made = element("g", { class: `hand ${hand.kind} ${hand.lost ? "lost" : ""} ${hand.id === chosen ? "chosen" : ""}`, "data-id": hand.id });
  made.append(rect(hand.box, { class: "shade" }), rect(hand.box, { class: "box" }));
  made.append(element("text", { class: "name", x: x + 1, y: y > 20 ? y - 7 : y + h + 17 }, `${hand.id} ${hand.lost ? "lost" : hand.kind}`));
  if (hand.id === chosen) {
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

/** The controls beside the picture. */
function list() {
  const { frame, title, states, found } = now;
  const state = states[frame];
  $("state").dataset.state = state;
  $("state").textContent = STATES[state];
  const count = document.createElement("b");
  count.textContent = frame + (title ? 1 : 0);
  $("count").replaceChildren(count, ` / ${title ? end() + 1 : end()}`);
  $("count").title = title;
  $("none").hidden = hands.length > 0 || state === "k";
  $("accept").disabled = !found.length;
  const of = hands.find(({ id }) => id === chosen)?.kind ?? kind;
  for (const button of document.querySelectorAll("[data-kind]")) button.setAttribute("aria-pressed", button.dataset.kind === of);
  $("hands").replaceChildren(...hands.map((hand) => {
    const row = document.createElement("li"), name = document.createElement("button"), remove = document.createElement("button");
    row.className = `${hand.kind} ${hand.lost ? "lost" : ""} ${hand.id === chosen ? "chosen" : ""}`;
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
  $("undo").disabled = !now?.undo;
  $("play").textContent = playing ? "Stop" : "Play";
  $("play").setAttribute("aria-pressed", playing);
  $("back").disabled = here === 0;
  $("next").disabled = !clips.length || here === end();
}

/** What is labelled, over the whole clip. */
function drawLine() {
  if (!now) return;
  const line = $("line"), ratio = devicePixelRatio || 1;
  const width = (line.width = Math.round(line.clientWidth * ratio)), height = (line.height = Math.round(line.clientHeight * ratio));
  const context = line.getContext("2d"), { states, frame } = now, count = states.length;
  const left = (n) => Math.round((n * width) / count);
  context.fillStyle = "#2a333b";
  context.fillRect(0, height * 0.44, width, height * 0.12);
  for (const state of ["c", "d", "k"]) { // what matters most is drawn last, where a pixel holds several frames
    context.fillStyle = COLOURS[state];
    const tall = state === "k" ? 0.56 : 0.3;
    for (let n = states.indexOf(state); n >= 0; n = states.indexOf(state, n + 1)) {
      const from = left(n), wide = Math.max(state === "k" ? 2 * ratio : ratio, left(n + every) - from - (width / count > 6 * ratio ? ratio : 0));
      context.fillRect(from, (height * (1 - tall)) / 2, wide, height * tall);
    }
  }
  const cursor = clamp(Math.round(((frame + 0.5) * width) / count), ratio, width - 2 * ratio);
  context.fillStyle = "#fff";
  context.fillRect(cursor - ratio, height * 0.1, 2 * ratio, height * 0.8);
  line.setAttribute("aria-valuenow", frame);
}

// Changes

function pick(id) {
  chosen = id;
  draw();
  list();
}

function removeChosen() {
  if (!hands.some(({ id }) => id === chosen)) return;
  hands = hands.filter(({ id }) => id !== chosen);
  chosen = null;
  commit();
}

function setKind(of) {
  kind = of;
  const hand = hands.find(({ id }) => id === chosen);
  if (hand && hand.kind !== of) {
    hand.kind = of;
    commit();
  } else list();
}

function acceptFound(which) {
  for (const { box, kind: of } of which) {
    const lost = hands.find((hand) => hand.lost && near(hand.box, box));
    if (lost) Object.assign(lost, { box, by: "model", lost: false }); // found again: it stays who it is
    else hands.push({ id: fresh++, box, kind: of, by: "model" });
  }
  if (which.length) commit();
}

function nudge(dx, dy) {
  const hand = hands.find(({ id }) => id === chosen);
  if (!hand) return;
  hand.box = moved(hand.box, dx, dy);
  delete hand.lost;
  commit();
}

// Hands on it

svg.addEventListener("pointerdown", (event) => {
  if (!now || !event.isPrimary || event.button || playing) return;
  event.preventDefault();
  document.activeElement?.blur();
  const place = at(event), found = event.target.closest(".found");
  const group = event.shiftKey ? null : event.target.closest(".hand");
  if (found && !event.shiftKey) return acceptFound([now.found[Number(found.dataset.found)]]);
  svg.setPointerCapture(event.pointerId);
  if (!group) {
    held = { what: "fresh", from: place, box: between(place, place) };
    return pick(null);
  }
  const hand = hands.find(({ id }) => String(id) === group.dataset.id);
  const corner = event.target.closest(".corner")?.dataset.corner;
  held = { what: corner === undefined ? "move" : "resize", hand, corner: Number(corner), from: place, start: hand.box };
  pick(hand.id);
});

svg.addEventListener("pointermove", (event) => {
  if (!held) return;
  const place = at(event), { what, hand, from, start } = held;
  if (what === "fresh") held.box = between(from, place);
  else {
    const [x, y, w, h] = start, dx = place[0] - from[0], dy = place[1] - from[1];
    held.moved ||= Math.hypot(dx, dy) * view.scale > 1;
    if (!held.moved) return;
    if (what === "move") hand.box = moved(start, dx, dy);
    else {
      const opposite = [[x + w, y + h], [x, y + h], [x, y], [x + w, y]][held.corner];
      const box = between(opposite, [[x, y], [x + w, y], [x + w, y + h], [x, y + h]][held.corner].map((v, k) => v + [dx, dy][k]));
      if (Math.min(box[2], box[3]) * view.scale >= SMALLEST) hand.box = box;
    }
    delete hand.lost;
  }
  draw();
});

for (const name of ["pointerup", "pointercancel"]) {
  svg.addEventListener(name, () => {
    if (!held) return;
    const { what, box, moved: changed } = held;
    held = null;
    if (what === "fresh") {
      if (Math.min(box[2], box[3]) * view.scale < SMALLEST) return draw();
      chosen = fresh++;
      hands.push({ id: chosen, box, kind });
      commit();
    } else if (changed) commit();
  });
}

svg.addEventListener("wheel", (event) => {
  if (!now) return;
  event.preventDefault();
  const before = at(event), zoom = clamp(view.zoom * 1.0018 ** -event.deltaY, 1, 16);
  const { x, y } = svg.getBoundingClientRect(), scale = (view.scale / view.zoom) * zoom;
  // What is under the mouse stays there.
  view.x = (before[0] + (stage.clientWidth / 2 - (event.clientX - x)) / scale) / now.width;
  view.y = (before[1] + (stage.clientHeight / 2 - (event.clientY - y)) / scale) / now.height;
  view.zoom = zoom;
  draw();
}, { passive: false });

function toFrame(event) {
  const { x, width } = $("line").getBoundingClientRect();
  const frame = Math.floor(((event.clientX - x) / width) * (end() + 1));
  seek(clamp(frame - (frame % every), 0, end()));
}

$("line").addEventListener("pointerdown", (event) => {
  playing = false;
  $("line").setPointerCapture(event.pointerId);
  toFrame(event);
});
$("line").addEventListener("pointermove", (event) => { if (event.buttons) toFrame(event); });

for (const button of document.querySelectorAll("[data-kind]")) button.onclick = () => setKind(button.dataset.kind);
$("clips").onchange = () => {
  $("clips").blur();
  choose($("clips").value);
};
$("back").onclick = () => step(-1);
$("next").onclick = () => step(1);
$("play").onclick = play;
$("undo").onclick = undo;
$("accept").onclick = () => acceptFound(now.found);
$("right").onclick = () => commit(true);

addEventListener("keydown", (event) => {
  if (event.target.tagName === "SELECT" || held) return;
  const command = event.ctrlKey || event.metaKey, far = event.shiftKey ? 10 : 1;
  const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  const key = event.key.toLowerCase();
  const pressed = event.target.tagName === "BUTTON" && (key === "enter" || key === " ");
  if (pressed || event.altKey) return; // the button's own
  if (!now && !(arrow && arrow[0] && !command)) return; // the first picture cannot be read
  if (arrow && command) nudge(arrow[0] * far, arrow[1] * far);
  else if (arrow && arrow[0]) step(arrow[0] * far, event.repeat);
  else if (command && key === "z") undo();
  else if (command) return;
  else if (key === " ") play();
  else if (key === "enter") commit(true);
  else if (key === "delete" || key === "backspace") removeChosen();
  else if (key === "a") acceptFound(now.found);
  else if (key === "pageup" || key === "pagedown") toKey(key === "pagedown" ? 1 : -1);
  else if (key === "n" && hands.length) pick(hands[(hands.findIndex(({ id }) => id === chosen) + 1) % hands.length].id);
  else if (key === "escape") pick(null);
  else if (KEYS[key]) setKind(KEYS[key]);
  else return;
  event.preventDefault();
});
