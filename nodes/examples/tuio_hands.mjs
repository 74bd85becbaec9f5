// Prints the hands that `osc` sends as TUIO 1.1. Needs `npm install osc tuio-client`.
//
// node tuio_hands.mjs [3333]
import osc from "osc";
import { Tuio11Client, TuioReceiver } from "tuio-client/dist/tuio-client.es.js";

class UdpReceiver extends TuioReceiver {
  connect() {
    this.port = new osc.UDPPort({ localAddress: "0.0.0.0", localPort: Number(process.argv[2] ?? 3333) });
    this.port.on("message", (message) => this.onOscMessage(message));
    this.port.open();
  }
  disconnect() {
    this.port.close();
  }
}

const client = new Tuio11Client(new UdpReceiver());
const nothing = () => {};
client.addTuioListener({
  addTuioCursor: (hand) => console.log("enter", hand.sessionId, hand.cursorId, hand.position.x, hand.position.y),
  updateTuioCursor: nothing,
  removeTuioCursor: (hand) => console.log("leave", hand.sessionId, hand.cursorId, hand.position.x, hand.position.y),
  addTuioObject: nothing, updateTuioObject: nothing, removeTuioObject: nothing,
  addTuioBlob: nothing, updateTuioBlob: nothing, removeTuioBlob: nothing,
  refresh: () => {
    const there = [...client.getTuioCursors()].map(
      ({ sessionId, position: { x, y } }) => `${sessionId} at ${x.toFixed(2)} ${y.toFixed(2)}`,
    );
    console.log(there.join(", ") || "no hands");
  },
});
client.connect();
