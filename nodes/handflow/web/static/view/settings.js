// Every setting of every stage: turned while the graph runs, undone, and saved into its file.

import { redraw } from "./drawing.js";
import { field } from "./field.js";
import { offer } from "./layers.js";
import { $, get, made, post, remember, remembered, state } from "./state.js";

const shown = new Map(); // "node.key" -> {element, write, fault, back}
const undone = []; // {node, key, before}, the newest last
const wanted = new Map(); // "node.key" -> the value to be set next, while one is on its way
let turning = null; // "node.key" of what somebody has hold of

export function startSettings() {
  $("undo").addEventListener("click", undo);
  $("save").addEventListener("click", save);
  $("find").addEventListener("input", find);
  document.addEventListener("keydown", (event) => {
    const writes = event.target.matches("input[type=text], input[type=number], input[type=search]");
    if ((event.ctrlKey || event.metaKey) && event.key === "z" && !writes) undo();
  });
}

export async function loadSettings() {
  const told = await get("graph.json");
  state.graph = told;
  $("graph").textContent = told.file.split(/[\\/]/).at(-1);
  $("graph").title = told.file;
  const names = JSON.stringify(Object.entries(told.nodes).map(([name, { run, settings }]) => [name, run, Object.keys(settings)]));
  if ($("nodes").dataset.names !== names) build(names);
  refresh();
  offer(told.nodes);
  redraw();
}

function build(names) {
  $("nodes").dataset.names = names;
  shown.clear();
  const open = remembered("nodes", { tracker: true });
  $("nodes").replaceChildren(...Object.entries(state.graph.nodes).map(([name, node]) => {
    const count = made("small", { className: "count" });
    const summary = made("summary", {}, name, node.run === name ? "" : made("small", {}, ` ${node.run}`), count);
    const help = made("p", { className: "help" }, node.help);
    const fields = Object.entries(node.settings).map(([key, setting]) => oneSetting(name, key, setting, node.$defs));
    const group = made("details", { open: Boolean(open[name]) }, summary, help, ...fields);
    group.dataset.node = name;
    group.addEventListener("toggle", () => remember("nodes", { ...remembered("nodes", {}), [name]: group.open }));
    return group;
  }));
}

function oneSetting(node, key, setting, parts) {
  const id = `${node}.${key}`;
  const { element, write } = field(key, setting, parts, (value) => turn(node, key, value), () => { turning = null; });
  const fault = made("p", { className: "fault", role: "alert", hidden: true });
  const back = made("button", { type: "button", className: "back", hidden: true });
  back.addEventListener("click", () => change(node, key, savedValue(node, key)));
  element.append(back, fault);
  element.dataset.setting = id;
  shown.set(id, { element, write, fault, back });
  return element;
}

function savedValue(node, key) {
  const { saved, default: otherwise } = state.graph.nodes[node].settings[key];
  return saved === undefined ? otherwise : saved;
}

/** Shows what the graph says; what somebody has hold of, or is on its way, stays. */
function refresh() {
  const differing = new Set(state.graph.differing.map((each) => each.join(".")));
  for (const [node, { settings }] of Object.entries(state.graph.nodes)) {
    let count = 0;
    for (const [key, { value, hidden }] of Object.entries(settings)) {
      const id = `${node}.${key}`, { element, write, back, fault } = shown.get(id), differs = differing.has(id);
      if (turning !== id && !wanted.has(id) && fault.hidden) write(value);
      element.classList.toggle("differs", differs);
      back.hidden = !differs || hidden;
      back.textContent = differs ? `back to ${JSON.stringify(savedValue(node, key)) ?? "nothing"}, as in the file` : "";
      count += differs;
    }
    $("nodes").querySelector(`[data-node="${CSS.escape(node)}"] .count`).textContent = count ? ` ${count} changed` : "";
  }
  $("save").disabled = !differing.size;
  $("undo").disabled = !undone.length;
  if (turning === null && !$("differing").dataset.said) {
    $("differing").textContent = state.graph.fault || (differing.size ? `${differing.size} ${differing.size > 1 ? "settings differ" : "setting differs"} from the file` : "as in the file");
  }
}

/** A setting is being turned: one request at a time, and of what came meanwhile the newest. */
function turn(node, key, value) {
  const id = `${node}.${key}`, setting = state.graph.nodes[node].settings[key];
  if (turning !== id) {
    if (!setting.hidden) undone.push({ node, key, before: setting.value });
    turning = id;
  }
  say("");
  send(node, key, value);
}

/** Sets a setting; what is wrong with the value stands beside it. */
export function change(node, key, value) {
  turn(node, key, value);
  turning = null;
}

async function send(node, key, value) {
  const id = `${node}.${key}`, busy = wanted.has(id);
  wanted.set(id, value);
  if (busy) return;
  while (wanted.has(id)) {
    const next = wanted.get(id);
    const wrong = await post("set", { node, key, value: next }).then(() => "", (error) => error.message);
    const { fault } = shown.get(id);
    fault.textContent = wrong;
    fault.hidden = !wrong;
    if (wrong) forget(node, key);
    if (wanted.get(id) === next) wanted.delete(id);
  }
  await loadSettings().catch(() => {});
}

/** What was not taken need not be undone. */
function forget(node, key) {
  const last = undone.at(-1);
  if (last?.node === node && last.key === key && turning === null) undone.pop();
}

function undo() {
  const last = undone.pop();
  if (!last) return;
  shown.get(`${last.node}.${last.key}`).fault.hidden = true;
  say(`${last.node}.${last.key}: ${JSON.stringify(last.before)}`);
  send(last.node, last.key, last.before);
}

async function save() {
  $("save").disabled = true;
  say(await post("save", {}).then(({ done }) => `saved into ${done}`, (error) => error.message));
  await loadSettings().catch(() => {});
}

/** Stays until the next change. */
function say(text) {
  $("differing").dataset.said = text;
  $("differing").textContent = text;
}

function find() {
  const words = $("find").value.trim().toLowerCase();
  for (const group of $("nodes").children) {
    let found = 0;
    for (const element of group.querySelectorAll(".field")) {
      element.hidden = !`${element.dataset.setting} ${element.textContent}`.toLowerCase().includes(words);
      found += !element.hidden;
    }
    group.hidden = !found;
    if (words && found) group.open = true;
  }
}
