// The lines that the graph has said, as on its terminal.

import { $, made, post } from "./state.js";

const KEPT = 500;
let read = 0;

export async function readLog() {
  const { lines } = await post("log", { after: read });
  if (!lines.length) return;
  const list = $("lines"), atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  for (const { number, at, text } of lines) {
    read = number;
    list.append(made("li", {}, made("time", {}, new Date(1000 * at).toTimeString().slice(0, 8)), ` ${text}`));
  }
  while (list.children.length > KEPT) list.firstChild.remove();
  if (atEnd) list.scrollTop = list.scrollHeight;
}
