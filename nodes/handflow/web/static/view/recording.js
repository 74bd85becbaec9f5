// Starts and stops the graph's recorders, and has them write their last seconds.

import { change } from "./settings.js";
import { $, made, post, state } from "./state.js";

let drawn = "";
let said = "";

/** One part for each recorder; without one, the line that adds it. */
export function showRecording() {
  if (!state.graph) return;
  const recorders = Object.entries(state.graph.nodes).filter(([, node]) => node.run === "record");
  const rows = Object.fromEntries(state.stats.nodes.map((row) => [row.node, row]));
  const parts = recorders.map(([name, { settings }]) => [name, settings.recording.value, settings.snapshot_s.value, rows[name]?.note]);
  const key = JSON.stringify([parts, said, recorders.length || lineToAdd()]);
  if (key === drawn) return; // a button that is made anew loses its focus
  drawn = key;
  $("recording").replaceChildren(...(parts.length ? parts.map(recorder) : [without()]), made("p", { role: "status" }, said));
}

function recorder([name, on, snapshot_s, note]) {
  const toggle = made("button", { type: "button" }, on ? "Stop" : "Start");
  toggle.dataset.record = name;
  toggle.addEventListener("click", () => change(name, "recording", !on));
  const parts = [toggle];
  if (snapshot_s) {
    const button = made("button", { type: "button", disabled: !on }, `Write the last ${snapshot_s} s`);
    button.addEventListener("click", () => snapshot(name, button));
    parts.push(button);
  }
  return made("div", { className: "actions" }, ...parts, made("span", {}, on ? `${name}: ${note ?? ""}` : `${name} is stopped`));
}

async function snapshot(name, button) {
  button.disabled = true;
  try {
    said = `written: ${(await post("snapshot", { node: name })).file}`;
  } catch (error) {
    said = error.message;
  }
  button.disabled = false;
  showRecording();
}

function without() {
  const text = made("p", {}, "This graph has no recorder. To add one, write this among the nodes of its file and start it again:");
  return made("div", {}, text, made("pre", { tabIndex: 0 }, lineToAdd()));
}

function lineToAdd() {
  const nodes = Object.entries(state.graph.nodes);
  const inputs = [["frame", "Frame"], ["hands", "Hands"]].flatMap(([argument, kind]) => {
    const found = nodes.find(([, node]) => node.out === kind);
    return found ? [`${argument}: ${found[0]}`] : [];
  });
  return `record: {run: record, in: {${inputs.join(", ")}}, with: {file: square.mcap, recording: false}}`;
}
