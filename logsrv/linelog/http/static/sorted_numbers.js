/** The numbers by which lines are sorted: all in one unit, with the same number of decimals. */

import { renumber } from "./row.js";
import { formatOf } from "./units.js";

/**
 * Show the numbers of sorted lines alike; return their format, or null if they have none.
 * @param {import("./lines.js").Lines} lines
 */
export function showNumbers({ rows, data }) {
  const numbered = [...rows.values()].map((made) => /** @type {const} */ ([made, /** @type {import("./api.js").Line} */ (data.get(made))]));
  const known = numbered.map(([, line]) => line.number).filter((number) => number !== null && number !== undefined);
  if (!known.length) return null;
  const format = formatOf(known, numbered.find(([, line]) => line.unit)?.[1].unit ?? "");
  for (const [made, line] of numbered) renumber(made, line, format);
  return format;
}
