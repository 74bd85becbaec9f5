// Prints every OSC message that comes to a port as a line of JSON, decoded by npm's osc.
import osc from "osc";

const port = new osc.UDPPort({ localAddress: "127.0.0.1", localPort: Number(process.argv[2]), metadata: true });
port.on("message", ({ address, args }) => {
  const values = args.map(({ type, value }) => (type === "t" ? value.raw : value));
  console.log(JSON.stringify([address, args.map(({ type }) => type).join(""), values]));
});
port.on("error", (error) => console.log(JSON.stringify(["error", "s", [String(error)]])));
port.open();
