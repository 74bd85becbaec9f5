// Gestures: their names under the hands that make them, and how far they are.

import { inImage } from "./places.js";

const COLOUR = "#ffd75c";

export function drawGestures(context, head, width, height) {
  const shown = inImage(), lines = new Map(); // lines: how many stand under a hand already
  context.font = `600 ${width < 600 ? 12 : 14}px system-ui, sans-serif`;
  context.textBaseline = "top";
  for (const { name, hands, x, y, phase, progress } of head.gestures ?? []) {
    if (phase === "end") continue;
    const [u, v] = shown.place([x, y]), text = name.replaceAll("_", " ");
    const line = lines.get(hands[0]) ?? 0, wide = context.measureText(text).width, high = width < 600 ? 18 : 22;
    lines.set(hands[0], line + 1);
    const hand = head.hands.find((each) => each.id === hands[0]);
    const under = hand ? Math.max(5, shown.radius(hand, width, height)) : 0;
    const left = Math.min(Math.max(u * width - wide / 2, 0), width - wide);
    const top = Math.min(v * height + under + 8 + line * high, height - high);
    context.lineWidth = 4;
    context.strokeStyle = "#000a";
    context.strokeText(text, left, top);
    context.fillStyle = COLOUR;
    context.fillText(text, left, top);
    context.fillRect(left, top + high - 5, wide * progress, 2);
  }
}
