/** A panel's figure as one number: of which queries it can be, what is asked for it, and the number with its change in words. */

import { ApiError, figures, get } from "./api.js";
import { shape } from "./bars.js";
import { element } from "./dom.js";
import { MOST_ASKED } from "./grid.js";
import { answered } from "./partial.js";
import { figureName, figuresOf, seriesOf, unitOf } from "./series.js";
import { stageNamed } from "./stage_list.js";
import { asLines, kindOf, pastOf, patternsOf, stagesOf, tokensOf } from "./stages.js";
import { printable } from "./text.js";
import { isNumber, moment, span } from "./times.js";
import { formatOf, percent, shown } from "./units.js";

/** @typedef {import("./grid.js").Answer} Answer */
/** @typedef {import("./grid.js").Cell} Cell */
/** @typedef {{before: Answer | null, line: Answer | null, about: string}} Comparison before: the same figures of the span before; line: them over time; about: which span that is, or why there is none */
/** @typedef {Answer & {single: Comparison}} SingleAnswer */

/** Figures that are shown beside each other; of more only the last. */
const MOST = 4;
/** The size of the line in its own units; it is stretched. */
const [WIDE, TALL] = [200, 40];
/** Changes of less than this are none: half a tenth of a per cent. */
const LEAST = 0.0005;

/**
 * Return the words of a stage of figures that stand outside brackets, with their bounds in the query.
 * @param {string} query
 */
export function wordsOfFigures(query) {
  const stage = stagesOf(query).slice(1).find(({ text }) => stageNamed(/^\w*/.exec(text)?.[0] ?? "")?.kind === "table");
  let depth = 0;
  return tokensOf(stage?.text ?? "").flatMap(({ word, start, end }) => {
    const isOutside = !depth;
    depth += word.split("(").length - word.split(")").length;
    return isOutside ? [{ word, start: start + (stage?.begin ?? 0), end: end + (stage?.begin ?? 0) }] : [];
  });
}

/** @param {string} query @param {string} word */
const has = (query, word) => wordsOfFigures(query).slice(1).some((one) => one.word === word);

/**
 * Return a query for the same figures of the whole time, without its steps.
 * @param {string} query
 */
export function withoutSteps(query) {
  const words = wordsOfFigures(query);
  const at = words.findIndex(({ word }, index) => index && word === "every");
  if (at < 0) return query;
  const end = (words[at + 1] ?? words[at]).end;
  return query.slice(0, words[at].start).trimEnd() + query.slice(end);
}

/**
 * Return whether a query may have a number: it is of lines, or of figures without groups.
 * @param {string} query
 */
export function canBeNumber(query) {
  const kind = kindOf(query);
  return (kind === "lines" && !patternsOf(query)) || (kind === "table" && !has(query, "by"));
}

/**
 * Ask for the figures of a time, and of the same span before it.
 * @param {string} query
 * @param {import("./scope.js").Scope} scope
 * @param {AbortSignal} signal
 * @param {import("./partial.js").Tell<Answer>} tell called with the progress, and the figures so far
 * @returns {Promise<SingleAnswer | null>} null if it has none
 */
export async function askNumber(query, scope, signal, tell) {
  if (!canBeNumber(query)) return null;
  const q = kindOf(query) === "lines" ? `${asLines(query)} | count` : withoutSteps(query);
  const when = Date.now();
  const overTime = q === query || kindOf(query) === "lines" ? null : figures({ q: query, ...scope, limit: MOST_ASKED, whole: 1 }, signal);
  const [now, line] = await Promise.all([answered("/api/table", { q, ...scope }, signal, tell).catch((error) => withoutNumber(error, overTime)), overTime]);
  if (!now || now.by.length || now.every !== null || now.rows.length !== 1 || !figuresOf(now).length) return null;
  if (pastOf(query)) return { ...now, single: { before: null, line, about: `compared with ${pastOf(query)} before` } };
  if (!now.since) return { ...now, single: { before: null, line, about: "of all time: nothing to compare with" } };
  const [begin, end] = [Date.parse(now.since), now.until ? Date.parse(now.until) : when];
  const earlier = { since: new Date(2 * begin - end).toISOString(), until: new Date(begin).toISOString() };
  const { oldest } = await get("/api/stats", {}, signal);
  if (!oldest || Date.parse(oldest) > 2 * begin - end) return { ...now, single: { before: null, line, about: `the store begins at ${oldest ? moment(new Date(oldest)) : "its first line"}: nothing to compare with` } };
  // What is read is that of the span before; the figures of now are whole.
  const before = await answered("/api/table", { q, ...earlier }, signal, ({ read, of }) => tell({ read, of }, now));
  return { ...now, single: { before, line, about: `compared with ${span(new Date(earlier.since), new Date(earlier.until))}` } };
}

/**
 * Return null for a query that the server refuses without its steps, as `where` asks for their times.
 * @param {unknown} error
 * @param {Promise<Answer> | null} overTime
 */
async function withoutNumber(error, overTime) {
  if (!overTime || !(error instanceof ApiError) || error.status !== 400) throw error;
  await overTime;
  return null;
}

/**
 * Return the numbers with their changes, the last figure first.
 * @param {SingleAnswer} answer
 * @param {Date} when
 * @param {string} past with which the query itself compares, `1d`; "" unless it does
 */
export function numberParts(answer, when, past) {
  const all = figuresOf(answer);
  const columns = all.length > MOST ? all.slice(-1) : [...all].reverse();
  const { line } = answer.single;
  const drawn = line && line.rows.length ? sparkline(line, answer.columns[columns[0]], when) : "";
  return [element("div", "numbers", ...columns.map((column) => number(answer, column, past))), drawn];
}

/**
 * @param {SingleAnswer} answer
 * @param {number} column
 * @param {string} past
 */
function number(answer, column, past) {
  const name = answer.columns[column];
  const value = answer.rows[0][column];
  const beside = answer.columns.indexOf(`${name}_before`);
  const { before } = answer.single;
  // A part of the earlier time would look like a rise.
  const old = past ? (answer.compare?.missing_until ? undefined : answer.rows[0][beside]) : before?.rows[0]?.[before.columns.indexOf(name)];
  const known = [value, old].filter(isNumber).map((one) => /** @type {number | string} */ (one));
  const format = formatOf(known, unitOf(answer, column));
  const said = isNumber(value) ? shown(/** @type {number | string} */ (value), format) : "–";
  const label = name === "count" ? "lines" : figureName(name);
  const whole = element("p", "number-value", said);
  if (said === "–") whole.append(element("span", "unseen", "no figure"));
  return element("div", "", element("p", "number-name", printable(label)), whole, element("p", "number-change", ...change(value, old, format, past)));
}

/**
 * Return how a figure has changed: an arrow, which is said in words, per cent, and what it was.
 * @param {Cell} value
 * @param {Cell | undefined} old undefined: not compared
 * @param {import("./units.js").Format} format
 * @param {string} past
 */
function change(value, old, format, past) {
  if (old === undefined) return [];
  const since = past ? `, ${past} before` : "";
  if (!isNumber(old)) return [`no figure${since || " before"}`];
  const was = `was ${shown(/** @type {number | string} */ (old), format)}${since}`;
  if (!isNumber(value)) return [was];
  const [to, from] = [Number(value), Number(old)];
  const part = from ? (to - from) / Math.abs(from) : null;
  const [arrow, word] = to === from || (part !== null && Math.abs(part) < LEAST) ? ["=", "unchanged"] : to > from ? ["▲", "up"] : ["▼", "down"];
  const mark = element("span", "", arrow);
  mark.ariaHidden = "true";
  const size = part === null || word === "unchanged" ? "" : percent(Math.abs(part));
  return [mark, element("span", "unseen", `${word} `), " ", element("b", "", size), size && " · ", was];
}

/**
 * Return a figure over time as a line, which is seen only: its figures are in the other shapes.
 * @param {Answer} answer
 * @param {string} name of the figure
 * @param {Date} when
 */
function sparkline(answer, name, when) {
  const column = answer.columns.indexOf(name);
  if (column < 0) return "";
  const { steps, series } = seriesOf(answer, column, when, new Map());
  const values = series[0]?.values ?? [];
  const known = values.filter((value) => value !== null);
  const [low, high] = [Math.min(0, ...known), Math.max(0, ...known)];
  if (known.length < 2 || low === high) return "";
  const [begin, end] = [steps[0].start, steps[steps.length - 1].end];
  let path = "";
  values.forEach((value, index) => {
    // A step that is not over would look like a fall.
    if (value === null || steps[index].end > when.getTime()) return;
    const x = (WIDE * ((steps[index].start + steps[index].end) / 2 - begin)) / (end - begin);
    const isGap = index === 0 || values[index - 1] === null;
    path += `${isGap ? "M" : "L"}${x.toFixed(1)} ${(TALL - ((TALL - 2) * (value - low)) / (high - low) - 1).toFixed(1)}`;
  });
  const drawn = shape("svg", { class: "sparkline", viewBox: `0 0 ${WIDE} ${TALL}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  drawn.append(shape("path", { d: path }));
  return drawn;
}
