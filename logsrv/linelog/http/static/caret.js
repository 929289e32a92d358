/** The column of a fault in a query, under a copy of the query. */

/**
 * Return what is around a column of a query, and the line under it with a caret at that column.
 * @param {string} query
 * @param {number} at column from 1, in characters
 */
export function pointed(query, at) {
  // Columns count characters; JavaScript counts one outside the basic plane as two.
  const characters = [...query];
  const from = Math.max(0, at - 40);
  const copy = (from ? "…" : "") + characters.slice(from, at + 39).join("");
  return [copy, `${" ".repeat(at - 1 - from + (from ? 1 : 0))}^`];
}
