// The table of stages: what `handflow top --json` gives, a row a stage.

import { $, made } from "./state.js";

const COLUMNS = { // heading -> what stands there
  "stage": (row) => row.node,
  "fps in": (row) => row.fps_in,
  "fps out": (row) => row.fps_out,
  "work ms": (row) => row.work_ms.p50,
  "work p99": (row) => row.work_ms.p99,
  "age ms": (row) => row.age_ms.p50,
  "age p99": (row) => row.age_ms.p99,
  "skipped": (row) => row.skipped,
  "CPU %": (row) => row.cpu_percent,
  "MB": (row) => row.rss_mb,
  "restarts": (row) => row.restarts,
  "state": (row) => [row.state, row.note].filter(Boolean).join(", "),
};
const DIGITS = { "skipped": 0, "restarts": 0, "CPU %": 0, "MB": 0 };

export function showTable(rows) {
  const head = $("table").querySelector("thead tr");
  if (!head.children.length) head.append(...Object.keys(COLUMNS).map((name) => made("th", { scope: "col" }, name)));
  const several = rows.some((row) => row.on);
  $("table").querySelector("tbody").replaceChildren(...rows.map((row) => {
    const cells = Object.entries(COLUMNS).map(([name, value]) => cell(name, value(row)));
    if (several) cells[0].append(made("small", {}, ` ${row.on}`));
    const line = made("tr", {}, ...cells);
    line.dataset.node = row.node;
    line.classList.toggle("bad", row.state !== "running" && row.state !== "ended" || Boolean(row.fault));
    line.title = row.fault;
    // It may be cut off.
    cells.at(-1).title = [cells.at(-1).textContent, row.fault].filter(Boolean).join("; ");
    return line;
  }));
}

/** Numbers rounded to be read; `data-value` has them as they came. */
function cell(name, value) {
  const text = typeof value === "number" ? value.toFixed(DIGITS[name] ?? 1) : value;
  const made_ = name === "stage" ? made("th", { scope: "row" }, text) : made("td", {}, text);
  if (typeof value === "number") made_.className = "number";
  made_.dataset.value = value;
  return made_;
}
