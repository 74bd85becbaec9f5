// The page: the image with what was found in it, and beside it all that there is to watch and to set.

import { redraw } from "./drawing.js";
import { follow } from "./hands.js";
import { switchable } from "./layers.js";
import { readLog } from "./log.js";
import { keepMoment } from "./moment.js";
import { showRecording } from "./recording.js";
import { loadSettings, startSettings } from "./settings.js";
import { $, every, get, made, state } from "./state.js";
import { connect, connected, resume } from "./stream.js";
import { showTable } from "./table.js";
import { shown, startTabs } from "./tabs.js";
import { showWaterfall } from "./waterfall.js";

const STALE_S = 1.0;
const RATES_MS = 250; // four times a second is enough to read
const WATERFALL_MS = 1000;

let heard = performance.now();
const told = { rates: 0, waterfall: 0 };

startTabs();
startSettings();
switchable(redraw);
connect(show);
setInterval(judge, 250);
new ResizeObserver(redraw).observe($("stage"));
every(1000, connected, loadStats);
every(3000, connected, loadSettings);
every(1000, () => connected() && shown("log"), readLog);
every(15000, connected, loadGraphs);

document.addEventListener("visibilitychange", () => {
  heard = performance.now();
  resume();
});
$("moment").addEventListener("click", keepMoment);
$("full").addEventListener("click", () =>
  document.fullscreenElement ? document.exitFullscreen() : $("stage").requestFullscreen?.(),
);
$("full").hidden = !document.fullscreenEnabled;

function show(message) {
  const { head } = message, { last } = state;
  if (last && head.stream === last.head.stream && head.frame < last.head.frame) return; // two were on their way
  last?.image.close();
  state.last = message;
  heard = performance.now();
  follow(head);
  redraw();
  write(head);
}

/** The figures beside the image. */
function write(head) {
  document.documentElement.dataset.frame = head.frame;
  // What can be counted in the image is of the image.
  $("hands").textContent = head.hands.length;
  $("open").textContent = head.hands.filter((hand) => hand.is_open).length;
  const now = performance.now();
  if (now - told.rates < RATES_MS) return;
  told.rates = now;
  $("fps").textContent = head.fps.toFixed(head.fps < 10 ? 1 : 0);
  $("age").textContent = head.age_ms.toFixed(head.age_ms < 10 ? 1 : 0);
  if (now - told.waterfall < WATERFALL_MS) return;
  told.waterfall = now;
  showWaterfall(head.stages);
}

async function loadStats() {
  state.stats = await get("stats.json");
  showTable(state.stats.nodes);
  showRecording();
  const faults = state.stats.health.faults.map((fault) => fault.text);
  $("faults").textContent = faults.join("\n");
}

async function loadGraphs() {
  const { graphs } = await get("graphs.json");
  const others = graphs.filter((graph) => !graph.here);
  $("graphs").hidden = !others.length;
  $("graphs").querySelector("summary").textContent = `${graphs.length} graphs`;
  $("graphs").querySelector("ul").replaceChildren(...others.map(({ file, on, ports }) => {
    const name = `${file}${on ? ` (${on})` : ""}`;
    const port = ports.find((each) => each > 0);
    return made("li", {}, port ? made("a", { href: `${location.protocol}//${location.hostname}:${port}/` }, name) : name);
  }));
}

/** Says what is wrong when no frame comes. */
function judge() {
  const silent = (performance.now() - heard) / 1000;
  const open = connected(), { last } = state;
  const live = open && last && silent < STALE_S;
  const why = !open ? "not connected: does handflow run?" : last ? `no frame for ${silent.toFixed(0)} s` : "waiting for the first frame";
  const output = $("state");
  output.dataset.state = live ? "live" : open ? "waiting" : "away";
  output.textContent = live ? "live" : why;
  $("nothing").hidden = Boolean(live || (last && silent < 2 * STALE_S));
  $("nothing").textContent = why[0].toUpperCase() + why.slice(1);
}
