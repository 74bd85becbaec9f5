// Which overlays are switched on; the browser remembers.

import { remember, remembered } from "./state.js";

const DEFAULT = {
  image: true, any: true, open: true, hands: true, gestures: true, radius: true, ids: true, openness: false, trails: true,
  velocity: false, predicted: true, region: true, surface: true, zones: true, flow: false,
};

export const layers = { ...DEFAULT, ...remembered("layers", {}) };

/** Makes the buttons switch; `redraw` is called after each. */
export function switchable(redraw) {
  for (const button of document.querySelectorAll("[data-layer]")) {
    const name = button.dataset.layer;
    button.setAttribute("aria-pressed", layers[name]);
    button.addEventListener("click", () => {
      layers[name] = !layers[name];
      button.setAttribute("aria-pressed", layers[name]);
      remember("layers", layers);
      redraw();
    });
  }
}

/** Hides the switches of what this graph does not have. */
export function offer(nodes) {
  const all = Object.values(nodes), view = all.find(({ run }) => run === "view");
  if (!view) return;
  const there = {
    any: view.in.heatmap, open: view.in.heatmap, flow: view.in.flow, gestures: view.in.gestures,
    region: all.some(({ run }) => run === "tracker"),
    surface: all.some(({ run }) => run === "surface"), zones: all.some(({ run }) => run === "surface"),
  };
  for (const [name, has] of Object.entries(there)) document.querySelector(`[data-layer=${name}]`).hidden = !has;
}
