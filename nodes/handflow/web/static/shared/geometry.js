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

/** The 3x3 map that takes points `from` nearest to `to`, four or more of each; null where they do not say it.
 *
 * The normalised direct linear transform, as `fitted` in homography.py: the smallest eigenvector, by inverse iteration. */
export function fitted(from, to) {
  const [there, a] = normalised(from), [, b, back] = normalised(to);
  const rows = a.flatMap(([x, y], i) => [[x, y, 1, 0, 0, 0, -b[i][0] * x, -b[i][0] * y, -b[i][0]],
    [0, 0, 0, x, y, 1, -b[i][1] * x, -b[i][1] * y, -b[i][1]]]);
  const square = rows[0].map((_, i) => rows[0].map((_, j) => rows.reduce((sum, row) => sum + row[i] * row[j], i === j ? 1e-12 : 0)));
  let v = [1, 0.1, 0.1, 0.1, 1, 0.1, 0.1, 0.1, 1];
  for (let turn = 0; turn < 30; turn += 1) {
    v = solved(square, v);
    const length = Math.hypot(...v);
    v = v.map((each) => each / length);
  }
  const map = multiply(back, multiply([v.slice(0, 3), v.slice(3, 6), v.slice(6)], there));
  if (!map.flat().every(Number.isFinite)) return null;
  const depth = from.reduce((sum, [x, y]) => sum + map[2][0] * x + map[2][1] * y + map[2][2], 0);
  return map.map((row) => row.map((each) => (depth > 0 ? each : -each)));
}

/** Points about 0, 1 from it on average: the map that makes them so, they, and the map back. */
function normalised(points) {
  const [x, y] = [0, 1].map((k) => points.reduce((sum, p) => sum + p[k], 0) / points.length);
  const far = Math.max(points.reduce((sum, p) => sum + Math.hypot(p[0] - x, p[1] - y), 0) / points.length, 1e-12);
  const map = [[1 / far, 0, -x / far], [0, 1 / far, -y / far], [0, 0, 1]];
  return [map, points.map((p) => [(p[0] - x) / far, (p[1] - y) / far]), [[far, 0, x], [0, far, y], [0, 0, 1]]];
}

/** The x of matrix x = right, by Gaussian elimination. */
function solved(matrix, right) {
  const rows = matrix.map((row, i) => [...row, right[i]]), n = rows.length;
  for (let i = 0; i < n; i += 1) {
    const best = rows.slice(i).reduce((most, row, k) => (Math.abs(row[i]) > Math.abs(rows[most][i]) ? i + k : most), i);
    [rows[i], rows[best]] = [rows[best], rows[i]];
    for (let k = i + 1; k < n; k += 1) {
      const share = rows[k][i] / rows[i][i];
      for (let j = i; j <= n; j += 1) rows[k][j] -= share * rows[i][j];
    }
  }
  const x = Array(n).fill(0);
  for (let i = n - 1; i >= 0; i -= 1) {
    x[i] = (rows[i][n] - rows[i].reduce((sum, each, j) => sum + (j > i && j < n ? each * x[j] : 0), 0)) / rows[i][i];
  }
  return x;
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
