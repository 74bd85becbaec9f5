// What is drawn, as the graph has it, and what is being done to it. Positions are 0..1: of the picture, zones' of the surface.



export const $ = (id) => document.getElementById(id);

export const state = {
  drawn: null, // {surface, tracker}: settings of the two nodes; tracker is missing if the graph's has no region
  saved: "", // the same, as it lies in the file
  tool: "corners",
  chosen: 0, // which of the tool's polygons has handles
  outline: null, // the points of a polygon that is being drawn
  held: null, // the point that is being dragged
  last: null, // the picture shown last: its head
  past: [], // what `drawn` was before each change
};

/** The polygons of a tool: lists of points that can be changed in place, but for those of `points`. */
export function polygons(of) {
  if (of === "corners") return state.drawn.surface.points.length ? [] : [state.drawn.surface.corners];
  if (of === "points") return [state.drawn.surface.points.map((point) => point.picture)];
  if (of === "zones") return state.drawn.surface.zones.map((zone) => zone.polygon);
  if (!state.drawn.tracker) return [];
  return of === "ignore" ? state.drawn.tracker.ignore : state.drawn.tracker.region ? [state.drawn.tracker.region] : [];
}

/** The chosen polygon's point `index` goes to a place. */
export function movePoint(index, place) {
  if (state.tool === "points") state.drawn.surface.points[index].picture = place;
  else polygons(state.tool)[state.chosen][index] = place;
}
