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

/** The polygons of a tool: lists of points that can be changed in place. */
export function polygons(of) {
  if (of === "corners") return [state.drawn.surface.corners];
  if (of === "zones") return state.drawn.surface.zones.map((zone) => zone.polygon);
  if (!state.drawn.tracker) return [];
  return of === "ignore" ? state.drawn.tracker.ignore : state.drawn.tracker.region ? [state.drawn.tracker.region] : [];
}
