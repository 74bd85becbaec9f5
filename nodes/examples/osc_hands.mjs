// Prints the hands that `osc` sends in the layout `hands`. Needs `npm install osc`.
//
// node osc_hands.mjs [9000]
import osc from "osc";

const hands = new Map();
const port = new osc.UDPPort({ localAddress: "0.0.0.0", localPort: Number(process.argv[2] ?? 9000) });

port.on("message", ({ address, args }) => {
  if (address === "/hands/hand") {
    const [id, slot, state, zone, x, y, w, h, vx, vy, confidence, age, open] = args;
    if (state !== 3) hands.set(id, { x, y, open }); // 3: leaving
  } else if (address === "/hands/alive") {
    // Ends a frame, or a part of a large one: whoever is not in it has left.
    for (const id of hands.keys()) if (!args.includes(id)) hands.delete(id);
    const there = [...hands].map(
      ([id, { x, y, open }]) => `${id} at ${x.toFixed(2)} ${y.toFixed(2)}${open >= 0.5 ? " open" : ""}`,
    );
    console.log(there.join(", ") || "no hands");
  } else if (address === "/hands/gesture") {
    const [name, id, second, phase] = args; // phase 0: it begins; 1: it goes on; 2: it ends
    if (name === "wave" && phase === 0) console.log(`${id} waves: hello!`);
  } else if (/^\/hands\/(enter|leave|open|zone)$/.test(address)) {
    console.log(address.slice(7), ...args); // enter and leave: id slot x y; open: id 0|1; zone: id slot name inside
  }
});
port.open();
