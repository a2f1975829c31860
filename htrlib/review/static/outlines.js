// Geometry of lines, in pixels of the page.

/** The corners of a line's outline, or null where its place is not known. */
export function corners(line) {
  if (line.polygon) return line.polygon;
  return line.box ? boxCorners(line.box) : null;
}

export function boxCorners([left, top, right, bottom]) {
  return [[left, top], [right, top], [right, bottom], [left, bottom]];
}

/** Whether a point lies inside a polygon (even-odd rule). */
export function contains(polygon, [x, y]) {
  let inside = false;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
    const [[xi, yi], [xj, yj]] = [polygon[i], polygon[j]];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
  }
  return inside;
}

/** The box spanned by two points, its edges in order. */
export function spanned([x1, y1], [x2, y2]) {
  return [Math.min(x1, x2), Math.min(y1, y2), Math.max(x1, x2), Math.max(y1, y2)];
}

/** A box inside a page of this size. */
export function clipped([left, top, right, bottom], { width, height }) {
  const bound = (value, most) => Math.min(Math.max(value, 0), most);
  return [bound(left, width), bound(top, height), bound(right, width), bound(bottom, height)];
}

/** Width and height are large enough for a line to be read in. */
export function isLargeEnough([left, top, right, bottom]) {
  return right - left >= 5 && bottom - top >= 5;
}

/** The place of a line stretched so that it fills another box: what the edit "move" takes. */
export function stretched(line, box) {
  const [left, top, right, bottom] = line.box;
  const xScale = (box[2] - box[0]) / Math.max(right - left, 1);
  const yScale = (box[3] - box[1]) / Math.max(bottom - top, 1);
  const move = (points) =>
    points.map(([x, y]) => [box[0] + (x - left) * xScale, box[1] + (y - top) * yScale]);
  const place = line.polygon ? { polygon: move(line.polygon) } : { box };
  if (line.baseline) place.baseline = move(line.baseline);
  return place;
}

/**
 * A box for a new line: below a line, of its height, or in the upper part of an empty page.
 * @param {Object|undefined} line - the line above.
 */
export function boxBelow(line, { width, height }) {
  if (!line?.box) {
    return [0.1 * width, 0.1 * height, 0.9 * width, 0.1 * height + Math.max(20, 0.03 * height)];
  }
  const [left, top, right, bottom] = line.box;
  const shift = Math.min(bottom - top, Math.max(height - bottom, 0));
  return [left, top + shift, right, bottom + shift];
}

/** Where a new place belongs in the reading order: before the first line whose middle is below. */
export function orderIndex(lines, [, top, , bottom]) {
  const middle = (top + bottom) / 2;
  const index = lines.findIndex((line) => line.box && (line.box[1] + line.box[3]) / 2 > middle);
  return index < 0 ? lines.length : index;
}
