// Hands from handflow, for any page: receive((hands, line) => ...). Another machine: canvas.html?host=192.168.1.20:8088&token=...
function receive(draw) {
  const asked = new URLSearchParams(location.search);
  const secure = asked.has("secure") ? "s" : "";
  const host = asked.get("host") ?? "127.0.0.1:8088";
  const token = asked.has("token") ? `token=${encodeURIComponent(asked.get("token"))}&` : "";
  const open = () => {
    const socket = new WebSocket(`ws${secure}://${host}/hands?${token}`);
    socket.onmessage = ({ data }) => {
      const line = JSON.parse(data);
      draw(line.hands, line);
    };
    socket.onclose = () => {
      draw([], null); // nobody is there any more
      setTimeout(open, 1000);
    };
  };
  open();
  return `http${secure}://${host}/frames.mjpg?${token}`; // the picture, for an <img>
}

// The ids of hands that wave in a line, or make another gesture.
function making(line, name = "wave") {
  const going = (line?.gestures ?? []).filter((each) => each.name === name && each.phase !== "end");
  return new Set(going.flatMap((each) => each.hands));
}
