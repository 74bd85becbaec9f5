// One panel at a time; the table of stages stands under the image where there is room, and needs no tab.

import { $, remember, remembered } from "./state.js";

const TABS = ["live", "settings", "table", "log"];
const wide = matchMedia("(min-width: 1000px)");
let selected = remembered("tab", "live");

export const shown = (name) => selected === name;

export function startTabs() {
  for (const name of TABS) $(`tab-${name}`).addEventListener("click", () => select(name));
  document.querySelector("[role=tablist]").addEventListener("keydown", step);
  wide.addEventListener("change", () => select(selected));
  select(selected);
}

function select(name) {
  selected = TABS.includes(name) && !(name === "table" && wide.matches) ? name : "live";
  for (const each of TABS) {
    $(`tab-${each}`).setAttribute("aria-selected", each === selected);
    $(`tab-${each}`).tabIndex = each === selected ? 0 : -1;
    $(each).hidden = each !== selected;
  }
  if (wide.matches) $("table").hidden = false;
  remember("tab", selected);
}

function step(event) {
  const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!by) return;
  const offered = TABS.filter((name) => !(name === "table" && wide.matches));
  select(offered[(offered.indexOf(selected) + by + offered.length) % offered.length]);
  $(`tab-${selected}`).focus();
}
