// The frame that is looked at. What frames have lives on the server, which saves it at every change. Positions are
// pixels of the clip's picture.

export const $ = (id) => document.getElementById(id);

export const state = {
  clips: [],
  every: 1, // a step is so many frames
  clip: 0, // the one that is looked at
  now: null, // the frame that is looked at, as the server told it
  hands: [], // its hands; changed here first
  fresh: 1, // the next box's id
  kind: "open", // of the next box
  chosen: null, // id of the box that has handles
  held: null, // what is dragged: {what, hand, corner, from, box}
  view: { left: 0, top: 0, scale: 1, zoom: 1, x: 0.5, y: 0.5 }, // zoomed around x, y of the picture
  playing: false,
  waiting: 0, // jobs for the server that are not done yet
  here: 0, // the frame that is wished for: one that cannot be read is to be passed over
};

/** What else shows the state, the panel: `all` of it, or its `buttons` alone. */
export const followers = { all: () => {}, buttons: () => {} };

export const end = () => state.clips[state.clip].frames - 1;
