/** Positions of lines, `SEGMENT:OFFSET`, and their order in the store. */

/**
 * @param {string} text
 * @returns {[number, number]}
 */
function numbers(text) {
  const colon = text.indexOf(":");
  return [Number(text.slice(0, colon)), Number(text.slice(colon + 1))];
}

/**
 * Return a negative number if `a` comes before `b`, 0 if they are the same line.
 * @param {string} a
 * @param {string} b
 */
export function compare(a, b) {
  if (a === b) return 0;
  const [segmentA, offsetA] = numbers(a);
  const [segmentB, offsetB] = numbers(b);
  return segmentA - segmentB || offsetA - offsetB;
}

/** @param {string} text */
export const isPosition = (text) => /^\d{1,15}:\d{1,15}$/.test(text);
