// Draws what /live sends. A message: uint32 length, a JSON head, the heatmaps (a byte a cell), the picture as a JPEG.
// Each one drawn is answered, and only then is the next one sent: what is seen is never old.

const TRAIL_S = 1.0;
const STALE_S = 1.0;
const PAUSES_S = [0.3, 0.5, 1, 2, 3]; // before connecting again; the last one for ever

const $ = (id) => document.getElementById(id);
const picture = $("picture").getContext("2d", { alpha: false });
const overlay = $("overlay").getContext("2d");
const cells = document.createElement("canvas").getContext("2d"); // the heatmap, a pixel a cell
const colours = getComputedStyle(document.documentElement);
const OPEN = colours.getPropertyValue("--open").trim();
const OTHER = colours.getPropertyValue("--other").trim();

const layers = { picture: true, heatmap: true, hands: true, trails: true, ...remembered() };
const trails = new Map(); // id -> [{x, y, t}], oldest first
let stream = null;
let last = null; // what was drawn last: {head, map, image}
let heard = performance.now();
let told = 0; // when the rates were written last: four times a second is enough to read
let owed = 0; // answers kept back while this page is hidden: nobody looks
let failures = 0;
let socket;

connect();
setInterval(judge, 250);
new ResizeObserver(redraw).observe($("stage"));

document.addEventListener("visibilitychange", () => {
  heard = performance.now();
  while (!document.hidden && owed > 0) answer();
});

for (const button of document.querySelectorAll("[data-layer]")) {
  button.setAttribute("aria-pressed", layers[button.dataset.layer]);
  button.addEventListener("click", () => {
    const on = (layers[button.dataset.layer] = !layers[button.dataset.layer]);
    button.setAttribute("aria-pressed", on);
    remember();
    redraw();
  });
}
$("full").addEventListener("click", () =>
  document.fullscreenElement ? document.exitFullscreen() : $("stage").requestFullscreen?.(),
);
$("full").hidden = !document.fullscreenEnabled;

function connect() {
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live`);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => { failures = owed = 0; };
  socket.onmessage = (event) => show(event.data).catch(console.error);
  socket.onclose = () => setTimeout(connect, 1000 * PAUSES_S[Math.min(failures++, PAUSES_S.length - 1)]);
}

function answer() {
  owed = Math.max(0, owed - 1);
  if (socket.readyState === WebSocket.OPEN) socket.send("drawn");
}

async function show(data) {
  owed += 1;
  try {
    const { head, map, jpeg } = unpacked(data);
    const image = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
    if (last && head.stream === last.head.stream && head.frame < last.head.frame) return; // two were on their way
    last?.image.close();
    last = { head, map, image };
    heard = performance.now();
    follow(head);
    redraw();
    write(head);
  } finally {
    if (!document.hidden) answer();
  }
}

function unpacked(data) {
  const length = new DataView(data).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
  const start = 4 + length, [mapped, pictured] = head.bytes;
  return { head, map: new Uint8Array(data, start, mapped), jpeg: new Uint8Array(data, start + mapped, pictured) };
}

/** Adds the hands' places to their trails. */
function follow(head) {
  if (head.stream !== stream) trails.clear();
  stream = head.stream;
  for (const hand of head.hands) {
    if (!trails.has(hand.id)) trails.set(hand.id, []);
    trails.get(hand.id).push({ x: hand.x, y: hand.y, t: head.t });
  }
  for (const [id, places] of trails) {
    while (places.length && head.t - places[0].t > TRAIL_S) places.shift();
    if (!places.length) trails.delete(id);
  }
}

function redraw() {
  if (!last) return;
  const { head, map, image } = last;
  const canvas = picture.canvas;
  if (canvas.width !== image.width || canvas.height !== image.height) {
    canvas.width = image.width;
    canvas.height = image.height;
  }
  if (layers.picture) picture.drawImage(image, 0, 0);
  else {
    picture.fillStyle = "#0c0f12";
    picture.fillRect(0, 0, canvas.width, canvas.height);
  }

  // The overlay has the screen's own pixels, so that rings and numbers are sharp whatever the picture's size.
  const ratio = window.devicePixelRatio || 1, { clientWidth, clientHeight } = $("stage");
  overlay.canvas.width = Math.round(clientWidth * ratio);
  overlay.canvas.height = Math.round(clientHeight * ratio);
  const scale = Math.min(clientWidth / head.width, clientHeight / head.height);
  const width = head.width * scale, height = head.height * scale;
  overlay.setTransform(ratio, 0, 0, ratio, ratio * (clientWidth - width) / 2, ratio * (clientHeight - height) / 2);
  overlay.beginPath();
  overlay.rect(0, 0, width, height);
  overlay.clip();
  if (layers.heatmap && head.map) drawHeatmap(head.map, map, width, height);
  if (layers.trails) drawTrails(head, width, height);
  if (layers.hands) for (const hand of head.hands) drawHand(hand, width, height);
}

function drawHeatmap({ shape: [rows, columns], scale, shift }, map, width, height) {
  const size = rows * columns;
  const image = new ImageData(columns, rows);
  for (let i = 0; i < size; i++) {
    const any = map[i] / 255, open = Math.min(1, map[size + i] / Math.max(map[i], 1));
    image.data[4 * i] = 255 + (40 - 255) * open;
    image.data[4 * i + 1] = 122 + (235 - 122) * open;
    image.data[4 * i + 2] = 40 + (160 - 40) * open;
    image.data[4 * i + 3] = 210 * Math.min(1, 1.15 * Math.pow(any, 0.8));
  }
  cells.canvas.width = columns;
  cells.canvas.height = rows;
  cells.putImageData(image, 0, 0);
  overlay.imageSmoothingQuality = "high";
  overlay.drawImage(cells.canvas, shift[0] * width, shift[1] * height, columns * scale[0] * width, rows * scale[1] * height);
}

function drawTrails(head, width, height) {
  overlay.lineCap = "butt"; // round ends would lie twice on each joint, and show
  const opens = new Map(head.hands.map((hand) => [hand.id, hand.is_open]));
  for (const [id, places] of trails) {
    overlay.strokeStyle = opens.get(id) ? OPEN : OTHER;
    for (let i = 1; i < places.length; i++) {
      const fresh = 1 - (head.t - places[i].t) / TRAIL_S;
      overlay.globalAlpha = 0.75 * fresh;
      overlay.lineWidth = 1.5 + 3.5 * fresh;
      overlay.beginPath();
      overlay.moveTo(places[i - 1].x * width, places[i - 1].y * height);
      overlay.lineTo(places[i].x * width, places[i].y * height);
      overlay.stroke();
    }
  }
  overlay.globalAlpha = 1;
}

function drawHand(hand, width, height) {
  const x = hand.x * width, y = hand.y * height, radius = Math.max(5, hand.radius * width);
  overlay.globalAlpha = hand.predicted ? 0.6 : 1;
  overlay.setLineDash(hand.predicted ? [6, 6] : []);
  overlay.beginPath();
  overlay.arc(x, y, radius, 0, 2 * Math.PI);
  if (hand.is_open) {
    overlay.fillStyle = OPEN + "26";
    overlay.fill();
  }
  overlay.lineWidth = hand.is_open ? 6 : 4.5;
  overlay.strokeStyle = "#0008"; // a dark rim: seen on light clothes too
  overlay.stroke();
  overlay.lineWidth = hand.is_open ? 4 : 2.5;
  overlay.strokeStyle = hand.is_open ? OPEN : OTHER;
  overlay.stroke();
  overlay.setLineDash([]);

  const text = hand.zone ? `${hand.id} · ${hand.zone}` : String(hand.id);
  overlay.font = `600 ${width < 600 ? 12 : 14}px system-ui, sans-serif`;
  const wide = overlay.measureText(text).width + 14, high = width < 600 ? 18 : 22;
  const left = Math.min(Math.max(x + 0.71 * radius, 0), width - wide);
  const top = Math.min(Math.max(y - 0.71 * radius - high, 0), height - high);
  overlay.fillStyle = hand.is_open ? OPEN : OTHER;
  overlay.beginPath();
  overlay.roundRect(left, top, wide, high, high / 2);
  overlay.fill();
  overlay.fillStyle = "#0c0f12";
  overlay.textBaseline = "middle";
  overlay.fillText(text, left + 7, top + high / 2 + 1);
  overlay.globalAlpha = 1;
}

/** The figures beside the picture. */
function write(head) {
  document.documentElement.dataset.frame = head.frame;
  // What can be counted in the picture is of the picture.
  $("hands").textContent = head.hands.length;
  $("open").textContent = head.hands.filter((hand) => hand.is_open).length;
  if (performance.now() - told < 250) return;
  told = performance.now();
  $("fps").textContent = head.fps.toFixed(head.fps < 10 ? 1 : 0);
  $("age").textContent = head.age_ms.toFixed(head.age_ms < 10 ? 1 : 0);
  const most = Math.max(10, ...head.stages.map(([, ms]) => ms));
  $("stages").replaceChildren(...head.stages.map(([name, ms]) => {
    const row = document.createElement("li"), bar = document.createElement("i");
    bar.style.width = `${(100 * ms) / most}%`;
    row.append(bar, ...[name, `${ms.toFixed(1)} ms`].map((text) => {
      const part = document.createElement("span");
      part.textContent = text;
      return part;
    }));
    return row;
  }));
}

/** Says what is wrong when no picture comes. */
function judge() {
  const silent = (performance.now() - heard) / 1000;
  const open = socket.readyState === WebSocket.OPEN;
  const live = open && last && silent < STALE_S;
  const why = !open ? "not connected: does handflow run?" : last ? `no picture for ${silent.toFixed(0)} s` : "waiting for the first picture";
  const state = $("state");
  state.dataset.state = live ? "live" : open ? "waiting" : "away";
  state.textContent = live ? "live" : why;
  $("nothing").hidden = Boolean(live || (last && silent < 2 * STALE_S));
  $("nothing").textContent = why[0].toUpperCase() + why.slice(1);
}

function remembered() {
  try {
    return JSON.parse(localStorage.getItem("layers")) ?? {};
  } catch {
    return {}; // a private window, or somebody else's text
  }
}

function remember() {
  try {
    localStorage.setItem("layers", JSON.stringify(layers));
  } catch { /* a private window: as it was next time */ }
}
