// Prints the hands that a `publish` node sends. Needs `npm install zeromq`.
//
// node listen.mjs [tcp://127.0.0.1:5570]

import { Subscriber } from "zeromq";

const socket = new Subscriber({ receiveHighWaterMark: 2 }); // one that falls behind loses lines instead of getting old ones
socket.connect(process.argv[2] ?? "tcp://127.0.0.1:5570"); // in any order: it connects when it can
socket.subscribe("hands"); // the topic; without it nothing comes

for await (const [topic, line] of socket) {
  const frame = JSON.parse(line);
  const hands = frame.hands.map(
    ({ id, x, y, open }) => `${id} at ${x.toFixed(2)} ${y.toFixed(2)}${open >= 0.5 ? " open" : ""}`,
  );
  console.log(`frame ${frame.frame}: ${hands.join(", ") || "no hands"}`);
  for (const { name, hands: [id], phase } of frame.gestures ?? []) { // if a stage `gestures` is wired
    if (name === "wave" && phase === "start") console.log(`${id} waves: hello!`);
  }
}
