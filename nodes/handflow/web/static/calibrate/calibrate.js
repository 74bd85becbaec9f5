// The page: starts it, and what its buttons and keys do.

import { changed, choose, endOutline, followers, refresh, remember, undo, watchers } from "./changes.js";
import { draw } from "./drawing.js";
import { add, list, tellErrors } from "./panel.js";
import "./pointer.js";
import { freePlace, points, WHOLE } from "./points.js";
import { connect, judge, load, save } from "./server.js";
import { $, state } from "./state.js";

followers.push(list);
watchers.push(tellErrors);
load(refresh);
connect();
setInterval(judge, 500);
new ResizeObserver(draw).observe($("picture"));
new ResizeObserver(draw).observe($("surface"));

for (const button of document.querySelectorAll("[data-tool]")) button.onclick = () => choose(button.dataset.tool);
for (const button of document.querySelectorAll("[data-add]")) {
  button.onclick = () => {
    state.outline = [];
    refresh();
    draw();
  };
}
for (const id of ["width", "height"]) {
  $(id).onchange = () => {
    remember();
    const [width, height] = [Number($("width").value), Number($("height").value)];
    state.drawn.surface.size = width && height ? [width, height] : null;
    changed();
  };
}
$("mirror").onchange = () => {
  remember();
  state.drawn.surface.mirror = $("mirror").checked;
  changed();
};
$("outside").onchange = () => {
  remember();
  state.drawn.surface.outside = $("outside").value;
  changed();
};
$("whole").onclick = () => {
  remember();
  Object.assign(state.drawn.surface, { corners: WHOLE.map((corner) => [...corner]), points: [] });
  refresh();
  changed();
};
$("add").onclick = () => {
  if (add(freePlace())) document.querySelector(`[data-key="points.0.${points().length - 1}"]`)?.focus();
};
$("end").onclick = endOutline;
$("cancel").onclick = () => {
  state.outline = null;
  refresh();
  draw();
};
$("undo").onclick = undo;
$("save").onclick = saveAll;
addEventListener("keydown", (event) => {
  const typing = event.target.matches("input[type=text], input[type=number]");
  if ((event.ctrlKey || event.metaKey) && event.key === "s") {
    event.preventDefault();
    if (!$("save").disabled) saveAll();
  } else if ((event.ctrlKey || event.metaKey) && event.key === "z" && !typing) {
    event.preventDefault();
    undo();
  } else if (event.key === "Escape" && state.outline) $("cancel").click();
  else if (event.key === "Enter" && state.outline && event.target.tagName !== "BUTTON") endOutline();
});
addEventListener("beforeunload", (event) => {
  if (state.drawn && JSON.stringify(state.drawn) !== state.saved) event.preventDefault();
});

async function saveAll() {
  await save();
  refresh();
  changed();
}
