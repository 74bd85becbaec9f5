// Which overlays are switched on; the browser remembers.

import { remember, remembered } from "./state.js";

const DEFAULT = {
  picture: true, any: true, open: true, hands: true, radius: true, ids: true, openness: false, trails: true,
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
