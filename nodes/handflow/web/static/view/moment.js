// The image of this moment with what was drawn over it, and its hands, to be looked at and kept.

import { composed } from "./drawing.js";
import { $, state } from "./state.js";

let urls = [];

export function keepMoment() {
  if (!state.last) return;
  const dialog = $("kept"), canvas = dialog.querySelector("canvas");
  const { frame, t, width, height, hands } = state.last.head;
  const name = `handflow-${new Date().toISOString().slice(0, 19).replaceAll(":", "-")}-${frame}`;
  const text = JSON.stringify({ frame, t, width, height, hands });
  composed(canvas);
  dialog.querySelector("pre").textContent = hands.map((hand) => JSON.stringify(hand)).join("\n") || "no hands";
  for (const url of urls.splice(0)) URL.revokeObjectURL(url);
  canvas.toBlob((blob) => link("kept-image", blob, `${name}.png`));
  link("kept-hands", new Blob([text + "\n"], { type: "application/json" }), `${name}.json`);
  dialog.showModal();
}

function link(id, blob, name) {
  const url = URL.createObjectURL(blob);
  urls.push(url);
  Object.assign($(id), { href: url, download: name });
}

$("kept-close").addEventListener("click", () => $("kept").close());
