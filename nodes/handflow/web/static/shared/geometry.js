// The same map as plane.py's: from the picture (0..1) to the surface (0..1). Matrices are rows of three.

/** The 3x3 map of four corners, clockwise from the top left, to the unit square; null where there is none. */
export function homography([a, b, c, d], mirror) {
  const sub = (p, q) => [p[0] - q[0], p[1] - q[1]];
  const side = sub(b, c), up = sub(d, c), turn = [a[0] - b[0] + c[0] - d[0], a[1] - b[1] + c[1] - d[1]];
  const area = side[0] * up[1] - side[1] * up[0];
  const g = (turn[0] * up[1] - turn[1] * up[0]) / area, h = (side[0] * turn[1] - side[1] * turn[0]) / area;
  const back = [
    [b[0] - a[0] + g * b[0], d[0] - a[0] + h * d[0], a[0]],
    [b[1] - a[1] + g * b[1], d[1] - a[1] + h * d[1], a[1]],
    [g, h, 1],
  ];
  const there = inverse(back);
  if (!there.flat().every(Number.isFinite)) return null;
  return mirror ? multiply([[-1, 0, 1], [0, 1, 0], [0, 0, 1]], there) : there;
}

export function multiply(m, n) {
  return m.map((row) => [0, 1, 2].map((j) => row[0] * n[0][j] + row[1] * n[1][j] + row[2] * n[2][j]));
}

export function inverse([[a, b, c], [d, e, f], [g, h, i]]) {
  const A = e * i - f * h, B = f * g - d * i, C = d * h - e * g;
  const whole = a * A + b * B + c * C;
  return [
    [A / whole, (c * h - b * i) / whole, (b * f - c * e) / whole],
    [B / whole, (a * i - c * g) / whole, (c * d - a * f) / whole],
    [C / whole, (b * g - a * h) / whole, (a * e - b * d) / whole],
  ];
}

/** A point through a map; null beyond the horizon. */
export function warp(m, [x, y]) {
  const [u, v, depth] = m.map((row) => row[0] * x + row[1] * y + row[2]);
  return depth > 1e-9 ? [u / depth, v / depth] : null;
}

/** A map of pixels as CSS has it. */
export function css(m) {
  const [[a, b, c], [d, e, f], [g, h, i]] = m;
  return `matrix3d(${[a, d, 0, g, b, e, 0, h, 0, 0, 1, 0, c, f, 0, i].join(",")})`;
}
