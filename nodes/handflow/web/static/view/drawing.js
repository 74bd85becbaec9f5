// The image, and over it what was found in it. `draw` is given the overlay's canvas and its size on the screen.

import { drawFlow, drawHeatmaps } from "./fields.js";
import { drawGestures } from "./gestures.js";
import { drawHands, drawTrails } from "./hands.js";
import { layers } from "./layers.js";
import { drawAreas, drawSurface } from "./places.js";
import { $, state } from "./state.js";

/** Draws what was shown last, anew. */
export function redraw() {
  if (!state.last) return;
  drawImage($("image").getContext("2d", { alpha: false }), state.last.image);
  // The overlay has the screen's own pixels, so that rings and numbers are sharp whatever the image's size.
  const { clientWidth, clientHeight } = $("stage");
  drawOverlay($("overlay"), clientWidth, clientHeight, window.devicePixelRatio || 1);
}

function drawImage(context, image) {
  const canvas = context.canvas;
  if (canvas.width !== image.width || canvas.height !== image.height) {
    canvas.width = image.width;
    canvas.height = image.height;
  }
  if (layers.image) context.drawImage(image, 0, 0);
  else {
    context.fillStyle = "#0c0f12";
    context.fillRect(0, 0, canvas.width, canvas.height);
  }
}

function drawOverlay(canvas, wide, high, ratio) {
  const { head } = state.last, context = canvas.getContext("2d");
  canvas.width = Math.round(wide * ratio);
  canvas.height = Math.round(high * ratio);
  const scale = Math.min(wide / head.width, high / head.height);
  const width = head.width * scale, height = head.height * scale;
  context.setTransform(ratio, 0, 0, ratio, ratio * (wide - width) / 2, ratio * (high - height) / 2);
  context.beginPath();
  context.rect(0, 0, width, height);
  context.clip();
  drawHeatmaps(context, state.last, width, height);
  if (layers.flow && head.flow) drawFlow(context, state.last, width, height);
  drawAreas(context, width, height);
  drawSurface(context, width, height);
  if (layers.trails) drawTrails(context, head, width, height);
  if (layers.hands) drawHands(context, head, width, height);
  if (layers.gestures) drawGestures(context, head, width, height);
}

/** The image with all that is drawn over it, in the image's own pixels. */
export function composed(canvas) {
  const { image } = state.last, context = canvas.getContext("2d");
  canvas.width = image.width;
  canvas.height = image.height;
  const over = document.createElement("canvas");
  drawOverlay(over, image.width, image.height, 1);
  context.drawImage($("image"), 0, 0);
  context.drawImage(over, 0, 0);
}
