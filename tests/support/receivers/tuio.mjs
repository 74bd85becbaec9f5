// What npm's tuio-client makes of what comes to a port: after each frame a line of JSON with everybody who is there, and
// who has come and gone since the line before. npm's osc takes the datagrams apart.
import osc from "osc";
import { Tuio11Client, Tuio20Client, TuioReceiver } from "./tuio-client.mjs";

class Udp extends TuioReceiver {
  connect() {
    const port = new osc.UDPPort({ localAddress: "127.0.0.1", localPort: Number(process.argv[2]), metadata: true });
    port.on("message", ({ address, args }) => {
      const values = args.map(({ type, value }) =>
        type === "t" ? (BigInt(value.raw[0]) << 32n) | BigInt(value.raw[1]) : value,
      );
      this.onOscMessage({ address, args: values });
      if (address === "/knock") console.log('{"knock":[]}');
    });
    port.open();
  }
  disconnect() {}
}

const changes = { came: [], went: [] };
const say = (what) => {
  console.log(JSON.stringify({ ...what, ...changes }));
  changes.came = [];
  changes.went = [];
};
const nothing = () => {};
const receiver = new Udp();

const one = new Tuio11Client(receiver);
one.addTuioListener({
  addTuioObject: nothing, updateTuioObject: nothing, removeTuioObject: nothing,
  addTuioCursor: (cursor) => changes.came.push(cursor.sessionId),
  updateTuioCursor: nothing,
  removeTuioCursor: (cursor) => changes.went.push(cursor.sessionId),
  addTuioBlob: nothing, updateTuioBlob: nothing, removeTuioBlob: nothing,
  refresh: () => say({
    cursors: [...one.getTuioCursors()].map((c) => [c.sessionId, c.position.x, c.position.y, c.velocity.x, c.velocity.y]),
    blobs: [...one.getTuioBlobs()].map((b) => [b.sessionId, b.position.x, b.position.y, b.size.x, b.size.y]),
  }),
});

const two = new Tuio20Client(receiver);
two.addTuioListener({
  tuioAdd: (object) => changes.came.push(object.sessionId),
  tuioUpdate: nothing,
  tuioRemove: (object) => changes.went.push(object.sessionId),
  tuioRefresh: () => say({
    pointers: two.getTuioPointerList().map((p) =>
      [p.sessionId, p.position.x, p.position.y, p.velocity.x, p.velocity.y, p.cId]),
    source: two.source, dim: two.dim,
  }),
});

receiver.connect(); // both clients hear it
