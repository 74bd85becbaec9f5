// The hands: rings, ids, how open they are, where they go and where they were.

import { arrow } from "./fields.js";
import { layers } from "./layers.js";
import { inImage } from "./places.js";

const TRAIL_S = 1.0;
const AHEAD_S = 0.2; // a velocity's arrow ends where the hand is then

const colours = getComputedStyle(document.documentElement);
const OPEN = colours.getPropertyValue("--open").trim();
const OTHER = colours.getPropertyValue("--other").trim();

const trails = new Map(); // id -> [{x, y, t}], oldest first
let stream = null;

/** Adds the hands' places to their trails. */
export function follow(head) {
  if (head.stream !== stream) trails.clear();
  stream = head.stream;
  const { place } = inImage();
  for (const hand of head.hands) {
    if (!trails.has(hand.id)) trails.set(hand.id, []);
    const [x, y] = place([hand.x, hand.y]);
    trails.get(hand.id).push({ x, y, t: head.t });
  }
  for (const [id, places] of trails) {
    while (places.length && head.t - places[0].t > TRAIL_S) places.shift();
    if (!places.length) trails.delete(id);
  }
}

export function drawTrails(context, head, width, height) {
  context.lineCap = "butt"; // round ends would lie twice on each joint, and show
  const opens = new Map(head.hands.map((hand) => [hand.id, hand.is_open]));
  for (const [id, places] of trails) {
    context.strokeStyle = opens.get(id) ? OPEN : OTHER;
    for (let i = 1; i < places.length; i++) {
      const fresh = 1 - (head.t - places[i].t) / TRAIL_S;
      context.globalAlpha = 0.75 * fresh;
      context.lineWidth = 1.5 + 3.5 * fresh;
      context.beginPath();
      context.moveTo(places[i - 1].x * width, places[i - 1].y * height);
      context.lineTo(places[i].x * width, places[i].y * height);
      context.stroke();
    }
  }
  context.globalAlpha = 1;
}

export function drawHands(context, head, width, height) {
  const shown = inImage();
  for (const hand of head.hands) {
    if (hand.predicted && !layers.predicted) continue;
    const [u, v] = shown.place([hand.x, hand.y]);
    const x = u * width, y = v * height, radius = Math.max(5, shown.radius(hand, width, height));
    context.globalAlpha = hand.predicted ? 0.6 : 1;
    if (layers.radius) drawRing(context, hand, x, y, radius);
    else drawPoint(context, hand, x, y);
    if (layers.velocity) {
      const ahead = shown.place([hand.x + AHEAD_S * hand.velocity[0], hand.y + AHEAD_S * hand.velocity[1]]);
      drawVelocity(context, x, y, ahead[0] * width - x, ahead[1] * height - y);
    }
    if (layers.openness) drawOpenness(context, hand, x, y, radius);
    if (layers.ids) drawLabel(context, hand, x + 0.71 * radius, y - 0.71 * radius, width, height);
    context.globalAlpha = 1;
  }
}

/** A ring, bright for as much of it as the hand is likely to be one. */
function drawRing(context, hand, x, y, radius) {
  context.setLineDash(hand.predicted ? [6, 6] : []);
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  if (hand.is_open) {
    context.fillStyle = OPEN + "26";
    context.fill();
  }
  context.lineWidth = hand.is_open ? 6 : 4.5;
  context.strokeStyle = "#0008"; // a dark rim: seen on light clothes too
  context.stroke();
  const alpha = context.globalAlpha;
  context.lineWidth = hand.is_open ? 4 : 2.5;
  context.strokeStyle = hand.is_open ? OPEN : OTHER;
  context.globalAlpha = 0.4 * alpha;
  context.stroke();
  context.globalAlpha = alpha;
  context.beginPath();
  context.arc(x, y, radius, -Math.PI / 2, -Math.PI / 2 + 2 * Math.PI * hand.score);
  context.stroke();
  context.setLineDash([]);
}

function drawPoint(context, hand, x, y) {
  context.beginPath();
  context.arc(x, y, 6, 0, 2 * Math.PI);
  context.fillStyle = hand.is_open ? OPEN : OTHER;
  context.fill();
  context.lineWidth = 2;
  context.strokeStyle = "#0008";
  context.stroke();
}

function drawVelocity(context, x, y, dx, dy) {
  if (Math.hypot(dx, dy) < 3) return;
  context.beginPath();
  arrow(context, x, y, dx, dy);
  context.lineWidth = 3;
  context.strokeStyle = "#ff9d5c";
  context.stroke();
}

/** A part of a circle within the ring: full for an open palm. */
function drawOpenness(context, hand, x, y, radius) {
  context.beginPath();
  context.arc(x, y, 0.75 * radius, -Math.PI / 2, -Math.PI / 2 + 2 * Math.PI * hand.open);
  context.lineWidth = 4;
  context.strokeStyle = OPEN;
  context.stroke();
}

function drawLabel(context, hand, x, y, width, height) {
  const parts = [String(hand.id), hand.zone, layers.openness && `${Math.round(100 * hand.open)} %`];
  const text = parts.filter(Boolean).join(" · ");
  context.font = `600 ${width < 600 ? 12 : 14}px system-ui, sans-serif`;
  const wide = context.measureText(text).width + 14, high = width < 600 ? 18 : 22;
  const left = Math.min(Math.max(x, 0), width - wide);
  const top = Math.min(Math.max(y - high, 0), height - high);
  context.fillStyle = hand.is_open ? OPEN : OTHER;
  context.beginPath();
  context.roundRect(left, top, wide, high, high / 2);
  context.fill();
  context.fillStyle = "#0c0f12";
  context.textBaseline = "middle";
  context.fillText(text, left + 7, top + high / 2 + 1);
}
