// What covers the whole image: the network's maps and the flow.

import { layers } from "./layers.js";

const ANY = [255, 122, 40], OPEN = [40, 235, 160];
const SHOWN_S = 0.1; // an arrow goes as far as the image does in this time
const STILL = 0.004; // widths; shorter arrows are noise

const cells = document.createElement("canvas").getContext("2d"); // a map, a pixel a cell

/** Any hand orange, open palms green: where both are on, a cell has the colour of what it holds more of. */
export function drawHeatmaps(context, { head, map }, width, height) {
  if (!head.map || !(layers.any || layers.open)) return;
  const { shape: [rows, columns], scale, shift } = head.map, size = rows * columns;
  const image = new ImageData(columns, rows);
  for (let i = 0; i < size; i++) {
    const any = layers.any ? map[i] / 255 : 0, open = layers.open ? map[size + i] / 255 : 0;
    const strength = Math.max(any, open), share = any ? Math.min(1, open / any) : 1;
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = ANY[c] + (OPEN[c] - ANY[c]) * share;
    image.data[4 * i + 3] = 210 * Math.min(1, 1.15 * Math.pow(strength, 0.8));
  }
  cells.canvas.width = columns;
  cells.canvas.height = rows;
  cells.putImageData(image, 0, 0);
  context.imageSmoothingQuality = "high";
  context.drawImage(cells.canvas, shift[0] * width, shift[1] * height, columns * scale[0] * width, rows * scale[1] * height);
  drawWindows(context, head.map.windows, width, height);
}

/** What a gaze has looked at closely in this frame. */
function drawWindows(context, windows, width, height) {
  context.strokeStyle = "rgba(255, 255, 255, 0.45)";
  context.lineWidth = 1;
  for (const [x, y, wide, high] of windows) context.strokeRect(x * width, y * height, wide * width, high * height);
}

/** An arrow where the image moves. */
export function drawFlow(context, { head, flow }, width, height) {
  const { shape: [rows, columns], span_s } = head.flow, times = SHOWN_S / Math.max(span_s, 1e-3) / 32767;
  context.strokeStyle = "#7cc7ff";
  context.lineWidth = 1.5;
  context.beginPath();
  for (let row = 0, i = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, i += 2) {
      const x = flow[i] * times, y = flow[i + 1] * times;
      if (Math.hypot(x, y) < STILL) continue;
      arrow(context, ((column + 0.5) / columns) * width, ((row + 0.5) / rows) * height, x * width, y * height);
    }
  }
  context.stroke();
}

/** Adds an arrow from x, y by dx, dy to the path. */
export function arrow(context, x, y, dx, dy) {
  const length = Math.hypot(dx, dy), tip = Math.min(8, 0.4 * length), angle = Math.atan2(dy, dx);
  context.moveTo(x, y);
  context.lineTo(x + dx, y + dy);
  for (const side of [-0.5, 0.5]) {
    context.moveTo(x + dx, y + dy);
    context.lineTo(x + dx - tip * Math.cos(angle + side), y + dy - tip * Math.sin(angle + side));
  }
}
