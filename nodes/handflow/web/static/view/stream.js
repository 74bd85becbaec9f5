// What /live sends. A message: uint32 length, a JSON head, the heatmaps (a byte a cell), the flow (int16), the image as
// a JPEG. Each one drawn is answered, and only then is the next one sent: what is seen is never old.

const PAUSES_S = [0.3, 0.5, 1, 2, 3]; // before connecting again; the last one for ever

let socket;
let owed = 0; // answers kept back while this page is hidden: nobody looks
let failures = 0;

/** Calls `show` with each message, unpacked; the next one comes when it has drawn this one. */
export function connect(show) {
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live`);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => { failures = owed = 0; };
  socket.onmessage = (event) => draw(event.data, show).catch(console.error);
  socket.onclose = () => setTimeout(connect, 1000 * PAUSES_S[Math.min(failures++, PAUSES_S.length - 1)], show);
}

export const connected = () => socket.readyState === WebSocket.OPEN;

/** Asks for frames again after the page was hidden. */
export function resume() {
  while (!document.hidden && owed > 0) answer();
}

async function draw(data, show) {
  owed += 1;
  try {
    const message = unpacked(data);
    message.image = await createImageBitmap(new Blob([message.jpeg], { type: "image/jpeg" }));
    show(message);
  } finally {
    if (!document.hidden) answer();
  }
}

function answer() {
  owed = Math.max(0, owed - 1);
  if (connected()) socket.send("drawn");
}

function unpacked(data) {
  const length = new DataView(data).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
  let at = 4 + length;
  const [map, flow, jpeg] = head.bytes.map((size) => new Uint8Array(data, (at += size) - size, size));
  // A copy: where it lies, it may not be aligned.
  return { head, map, jpeg, flow: new Int16Array(flow.slice().buffer) };
}
