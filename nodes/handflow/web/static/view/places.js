// What was drawn by `handflow calibrate`: the tracker's region and what it ignores, the surface and its zones.

import { homography, inverse, warp } from "./geometry.js";
import { layers } from "./layers.js";
import { state } from "./state.js";

const REGION = "#7cc7ff", IGNORED = "#ff8f8f", SURFACE = "#ffd166", ZONE = "#d7a6ff";

/** The values of the settings of nodes of a stage: [name, {setting: value}]. */
function settingsOf(run) {
  const nodes = Object.entries(state.graph?.nodes ?? {}).filter(([, node]) => node.run === run);
  return nodes.map(([name, node]) => [
    name, Object.fromEntries(Object.entries(node.settings).map(([key, { value }]) => [key, value])),
  ]);
}

export function drawAreas(context, width, height) {
  if (!layers.region) return;
  for (const [, { region, ignore }] of settingsOf("tracker")) {
    if (region) outline(context, region, REGION, width, height, "region");
    for (const polygon of ignore) outline(context, polygon, IGNORED, width, height, "ignored");
  }
}

export function drawSurface(context, width, height) {
  if (!layers.surface && !layers.zones) return;
  for (const [name, { corners, mirror, zones }] of settingsOf("surface")) {
    if (layers.surface) outline(context, corners, SURFACE, width, height, name, true);
    const there = homography(corners, mirror);
    if (!layers.zones || !there) continue;
    const back = inverse(there);
    for (const zone of zones) {
      const places = zone.polygon.map((place) => warp(back, place));
      if (places.every(Boolean)) outline(context, places, ZONE, width, height, zone.name);
    }
  }
}

/**
 * Where the image shows what the hands' positions mean: they may be those on a surface. `place` takes 0..1 to 0..1;
 * `radius` gives that of a circle of the same area as a hand's, in an image of so many pixels.
 */
export function inImage() {
  const view = Object.values(state.graph?.nodes ?? {}).find((node) => node.run === "view");
  const settings = settingsOf("surface").find(([name]) => name === view?.in.hands)?.[1];
  const there = settings && homography(settings.corners, settings.mirror);
  if (!there) return { place: (place) => place, radius: (hand, width) => hand.radius * width };
  const back = inverse(there), { size } = settings;
  const place = (from) => warp(back, from) ?? from;
  const radius = ({ x, y, radius }, width, height) => {
    const aspect = size ? size[1] / size[0] : height / width;
    const [[u, v], ...sides] = [[x, y], [x + radius, y], [x, y + radius / aspect]].map(place);
    const [[a, b], [c, d]] = sides.map(([p, q]) => [(p - u) * width, (q - v) * height]);
    return Math.sqrt(Math.abs(a * d - b * c));
  };
  return { place, radius };
}

/** A closed line, with its name at its highest corner; `lowest`: at the other end, where no zone's name stands. */
function outline(context, places, colour, width, height, name, lowest = false) {
  context.beginPath();
  for (const [x, y] of places) context.lineTo(x * width, y * height);
  context.closePath();
  context.fillStyle = `${colour}14`;
  context.fill();
  context.setLineDash([8, 5]);
  context.lineWidth = 2;
  context.strokeStyle = colour;
  context.stroke();
  context.setLineDash([]);
  const [x, y] = places.reduce((best, place) => ((place[1] < best[1]) !== lowest ? place : best));
  context.font = "600 12px system-ui, sans-serif";
  context.textBaseline = lowest ? "bottom" : "top";
  context.fillStyle = colour;
  const left = Math.min(Math.max(4, x * width + 8), width - 60), top = y * height + (lowest ? -6 : 8);
  context.fillText(name, left, Math.min(Math.max(lowest ? 16 : 4, top), height - (lowest ? 4 : 16)));
}
