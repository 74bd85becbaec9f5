// Max: the hands of the layout `hands`, for a [js max.js] behind a [udpreceive 9000]; max.maxpat has both. Outlets, from the left:
// `slot id x y open vx vy waves` of each hand at the end of a frame; `enter id slot` and `leave id slot`; how many there are.
// Written as old as Max's js object is.
autowatch = 1;
outlets = 3;

var hands = {}; // by id; an id is never used again

// Every message comes here: its address is the message's name.
function anything() {
  var values = arrayfromargs(arguments);
  if (messagename === "/hands/hand") {
    // id slot state zone x y w h vx vy confidence age open
    if (values[2] === 3) return; // leaving
    var isNew = !(values[0] in hands);
    hands[values[0]] = {
      slot: values[1], x: values[4], y: values[5], vx: values[8], vy: values[9], open: values[12],
      waves: isNew ? 0 : hands[values[0]].waves,
    };
    if (isNew) outlet(1, "enter", values[0], values[1]);
  } else if (messagename === "/hands/gesture" && values[0] === "wave" && values[1] in hands) {
    // name id id2 phase ..., if a stage `gestures` is wired; phase 0: it begins, 1: it goes on, 2: it ends
    hands[values[1]].waves = values[3] === 2 ? 0 : 1;
  } else if (messagename === "/hands/alive") {
    // Ends a frame, or a part of a large one: whoever is not in it has left.
    var count = 0;
    for (var id in hands) {
      if (values.indexOf(Number(id)) < 0) {
        outlet(1, "leave", Number(id), hands[id].slot);
        delete hands[id];
      }
    }
    for (id in hands) {
      var hand = hands[id];
      outlet(0, hand.slot, Number(id), hand.x, hand.y, hand.open, hand.vx, hand.vy, hand.waves);
      count++;
    }
    outlet(2, count);
  }
}
