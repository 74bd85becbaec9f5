// Points of a floor's plan that the picture shows: where the floor lies by them, and how far each is off.

import { fitted, homography, multiply, warp } from "./geometry.js";
import { state } from "./state.js";

export const WHOLE = [[0, 0], [1, 0], [1, 1], [0, 1]];
const FEWEST = 4;

export const points = () => state.drawn.surface.points;

/** From the picture to the surface, 0..1 of each; null where what is drawn does not say it. */
export function plane() {
  const { corners, mirror } = state.drawn.surface;
  if (!points().length) return homography(corners, mirror);
  const map = fit();
  return map && mirror ? multiply([[-1, 0, 1], [0, 1, 0], [0, 0, 1]], map) : map;
}

function fit() {
  const { size } = state.drawn.surface;
  if (!size || points().length < FEWEST) return null;
  return fitted(points().map((point) => point.picture), points().map(({ floor }) => [floor[0] / size[0], floor[1] / size[1]]));
}

/** How far each point lies beside the floor through all of them, in centimetres; null: four fit always. */
export function errors() {
  const map = points().length > FEWEST ? fit() : null, { size } = state.drawn.surface;
  return points().map(({ picture, floor }) => {
    const place = map && warp(map, picture);
    return place && 100 * Math.hypot(place[0] * size[0] - floor[0], place[1] * size[1] - floor[1]);
  });
}

export const inWords = (error) => (error === null ? "" : error < 9.95 ? `${error.toFixed(1)} cm` : `${Math.round(error)} cm`);

/** A point at a place of the picture; the floor's is a guess. Corners that were drawn become the first four. */
export function addPoint(picture) {
  const surface = state.drawn.surface, [width, height] = surface.size, map = plane();
  if (!points().length && JSON.stringify(surface.corners) !== JSON.stringify(WHOLE)) {
    const plan = [[0, 0], [width, 0], [width, height], [0, height]];
    surface.points = surface.corners.map((corner, i) => ({ picture: corner, floor: plan[i] }));
  }
  surface.corners = WHOLE.map((corner) => [...corner]);
  let place = map && warp(map, picture);
  if (place && surface.mirror) place = [1 - place[0], place[1]];
  const floor = (place ?? picture).map((v, k) => Math.round(10 * Math.min(1, Math.max(0, v)) * surface.size[k]) / 10);
  points().push({ picture, floor });
}

/** A place of the picture that no point is near to: where one asks for a point by its button. */
export function freePlace() {
  const places = [0.5, 0.3, 0.7, 0.4, 0.6].flatMap((y) => [0.5, 0.25, 0.75, 0.4, 0.6].map((x) => [x, y]));
  const gap = ([x, y]) => Math.min(...points().map(({ picture }) => Math.hypot(picture[0] - x, picture[1] - y)));
  return places.find((place) => gap(place) > 0.12) ?? [0.5, 0.5];
}
