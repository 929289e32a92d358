/**
 * Positions of lines, `SEGMENT:OFFSET`, and their order in the store; in the store of a rule `NAME/SEGMENT:OFFSET`. Lines
 * of different stores are in the order of their times.
 */

/** @typedef {{position: string, time: string}} Placed */

/** @type {Map<string, string>} the times of the lines in the page, by their positions */
const times = new Map();

/**
 * Note the times of lines, by which those of different stores are ordered.
 * @param {Iterable<Partial<Placed>>} lines
 */
export function know(lines) {
  for (const { position, time } of lines) if (position && time) times.set(position, time);
}

/** @param {string} position of a line that has left the page */
export const forget = (position) => times.delete(position);

export const forgetAll = () => times.clear();

/**
 * @param {string} text
 * @returns {[number, number]}
 */
function numbers(text) {
  const colon = text.indexOf(":");
  return [Number(text.slice(text.indexOf("/") + 1, colon)), Number(text.slice(colon + 1))];
}

/** Return the name of the store of a position; "" for the main one. @param {string} text */
export const storeOf = (text) => text.slice(0, Math.max(0, text.indexOf("/")));

/**
 * Return a negative number if `a` comes before `b`, 0 if they are the same line.
 * @param {string} a
 * @param {string} b
 */
export function compare(a, b) {
  if (a === b) return 0;
  const [storeA, storeB] = [storeOf(a), storeOf(b)];
  if (storeA !== storeB) {
    const [timeA, timeB] = [times.get(a) ?? "", times.get(b) ?? ""];
    if (timeA !== timeB) return timeA < timeB ? -1 : 1;
    // As the server orders lines of one time.
    return storeA.length - storeB.length || (storeA < storeB ? -1 : 1);
  }
  const [segmentA, offsetA] = numbers(a);
  const [segmentB, offsetB] = numbers(b);
  return segmentA - segmentB || offsetA - offsetB;
}

/** @param {string} text */
export const isPosition = (text) => /^(?:[a-z][a-z0-9-]{0,31}\/)?\d{1,15}:\d{1,15}$/.test(text);
