/** What the form of a new alert fills in: a name, and a number above the figures of the time that was shown. */

import { figures } from "./api.js";
import { asLines, parted, stagesOf } from "./stages.js";

const LONGEST = 56;
/** The rows of figures that are looked at. */
const MOST = 10_000;
/** The window, and the number of a proposal for lines. */
const WINDOW = /\sin\s+(\d+[smhdw])(?=\s|$)/;
const COUNTED = /^count\s*>\s*0(?=\s+in\s)/;
const UNFINISHED = /^where\s+(.+?)\s*>\s*$/;
/** An alert is proposed for a fifth more than there was. */
const ROOM = 1.2;

/** Return a text as a part of a name: letters and digits of ASCII, dots and dashes. @param {string} text */
const slug = (text) => text.normalize("NFKD").replace(/[\u0300-\u036f]/g, "").replace(/[^A-Za-z0-9._]+/g, "-").replace(/^[-._]+|[-._]+$/g, "");

/**
 * Return a name for an alert, made of its lines, its figure and its groups.
 * @param {string} text
 * @param {string[]} taken names of other alerts
 */
export function nameFor(text, taken) {
  const stages = stagesOf(text).slice(1).map((stage) => stage.text);
  const condition = stages.find((stage) => WINDOW.test(stage)) ?? "";
  const [head, groups = ""] = parted(condition, "by");
  const where = stages.filter((stage) => /^where\s/.test(stage)).at(-1);
  const compared = /^(?:where\s+)?(`(?:[^`]|``)*`|[^\s<>=!]+)/.exec(where ?? head.trim())?.[1] ?? "";
  const words = [asLines(text), compared, groups && `by ${groups}`].map(slug).filter(Boolean).join("-");
  const cut = words.length > LONGEST ? words.slice(0, LONGEST).replace(/-[^-]*$/, "") : words;
  const name = slug(cut) || (text.trim() && !asLines(text) ? "lines" : "alert");
  let [free, number] = [name, 1];
  while (taken.includes(free)) free = `${name}-${(number += 1)}`;
  return free;
}

/**
 * Return the query for the figures of an alert, window after window, if a number is to be proposed for it.
 * @param {string} text
 * @returns {{q: string, isLast: boolean} | null} isLast: the figure is the last one, made of the others
 */
export function stepsOf(text) {
  const stages = stagesOf(text).slice(1).map((stage) => stage.text.trim());
  const counted = stages.length === 1 && COUNTED.test(stages[0]);
  const last = stages.at(-1) ?? "";
  if (!counted && !UNFINISHED.test(last)) return null;
  const steps = (counted ? stages : stages.slice(0, -1)).map((stage) => stage.replace(COUNTED, "count").replace(WINDOW, " every $1"));
  return { q: [asLines(text), ...steps].join(" | ").trimStart(), isLast: stages.some((stage) => /^let\s/.test(stage)) };
}

/**
 * Return a short number above the largest one.
 * @param {number} most
 * @param {boolean} isWhole
 */
export function above(most, isWhole) {
  if (!(most > 0)) return 0;
  const size = 10 ** Math.floor(Math.log10(most * ROOM));
  const least = Math.ceil((most * ROOM * 2) / size - 1e-9) * (size / 2);
  return isWhole ? Math.ceil(least) : Number(least.toPrecision(2));
}

/**
 * Ask for the figures of an alert in a time; return the largest, and a number above it.
 * @param {string} text
 * @param {import("./scope.js").Scope} scope
 * @param {AbortSignal} signal
 * @returns {Promise<{most: number, number: string} | null>} null if there are no figures
 */
export async function askNumber(text, scope, signal) {
  const steps = stepsOf(text);
  if (!steps) return null;
  const { columns, kinds = [], rows } = await figures({ q: steps.q, ...scope, limit: MOST, whole: 1 }, signal);
  const numbers = columns.map((_, column) => column).filter((column) => !["group", "time", "text"].includes(kinds[column]));
  const column = steps.isLast ? numbers[numbers.length - 1] : numbers[0];
  const values = rows.map((row) => row[column]).filter((value) => value !== null && value !== undefined).map(Number);
  const most = values.reduce((one, other) => Math.max(one, other), -Infinity);
  const number = String(above(most, values.every(Number.isInteger)));
  return Number.isFinite(most) && !number.includes("e") ? { most, number } : null;
}

/**
 * Return a text with the number, and where that stands in it.
 * @param {string} text
 * @param {string} number
 */
export function withNumber(text, number) {
  const found = /(\|\s*count\s*>\s*)0(?=\s+in\s)/.exec(text);
  const start = found ? found.index + found[1].length : text.length;
  return { text: text.slice(0, start) + number + text.slice(found ? start + 1 : start), start, end: start + number.length };
}
