/** The text of an alert: made of a query of the page, and the query for the lines that it is about. */

import { url } from "./address.js";
import { writtenField } from "./field_names.js";
import { asLines, columnsOf, kindOf, parted, stagesOf, withCondition } from "./stages.js";

/** @typedef {{title: string, text: string}} Proposal what the alert tells, and its text */

/** The windows that are proposed. */
const WINDOW = "5m";
const SILENCE = "10m";
/** A length of time that an alert takes; a day has no other length than 24 h there. */
const LENGTH = /^\d+[smhd]$/;
/** The window behind figures. */
const IN = /\sin\s+(\d+(?:\.\d+)?)([smhdw])(?=\s|$)/;
const SECONDS = /** @type {Record<string, number>} */ ({ s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 });
/** An unfinished comparison at the end of a text. */
const UNFINISHED = /(?:^|\s)[^\s]*\s*(?:>=?|<=?)\s*$/;

/**
 * Return the alerts that a query may become, the likeliest first.
 * @param {string} query
 * @returns {Proposal[]}
 */
export function proposals(query) {
  const lines = asLines(query);
  /** @param {string} condition */
  const of = (condition) => `${lines} | ${condition}`.trim();
  const none = { title: "no lines for a time", text: of(`none in ${SILENCE}`) };
  if (kindOf(query) === "table") return [{ title: "these figures", text: ofFigures(query) }, none];
  const many = { title: "more than so many lines", text: of(`count > 0 in ${WINDOW}`) };
  return lines ? [{ title: "every matching line", text: lines }, many, none] : [many, none];
}

/**
 * Return the alert of a query for figures: in a window, with a comparison to fill in unless it has one.
 * @param {string} query
 */
function ofFigures(query) {
  const stages = stagesOf(query).slice(1).map(({ text }) => text);
  const first = stages.findIndex((text) => kindOf(`| ${text}`) === "table");
  const behind = stages.slice(first + 1).filter((text) => /^(?:let|where)\s/.test(text));
  const [head, groups = ""] = parted(stages[first], "by");
  const [figures, by] = [head, groups].map((text) => parted(parted(text, "every")[0], "compare")[0].trim());
  const every = /^\s*(\S+)/.exec(parted(stages[first], "every")[1] ?? "")?.[1] ?? "";
  const window = `${figures} in ${LENGTH.test(every) ? every : WINDOW}`;
  const names = [...columnsOf(figures).slice(0, 1), ...behind.map((text) => /^let\s+(`(?:[^`]|``)*`|[^\s=]+)/.exec(text)?.[1] ?? "").filter(Boolean).slice(-1)];
  const name = names[names.length - 1];
  const compared = behind.some((text) => text.startsWith("where")) ? [] : [`where ${name.startsWith("`") ? name : writtenField(name)} > `];
  return [asLines(query), by ? `${window} by ${by}` : window, ...behind, ...compared].join(" | ").trimStart();
}

/**
 * Return whether a text ends where a number is to be typed.
 * @param {string} text
 */
export const wantsNumber = (text) => text.includes("|") && UNFINISHED.test(text);

/**
 * Return the seconds of the window of an alert; 0 without a condition.
 * @param {string} text
 */
export function windowOf(text) {
  const found = stagesOf(text).slice(1).map((stage) => IN.exec(stage.text)).find(Boolean);
  return found ? Number(found[1]) * SECONDS[found[2]] : 0;
}

/**
 * Return the query for the lines of an alert, or of one of its groups.
 * @param {string} text
 * @param {import("./alert_words.js").Group} group
 */
export function linesOf(text, group) {
  const fields = Object.entries(group ?? {});
  // Lines without the field are those that do not have any value of it.
  return fields.reduce((query, [field, value]) => withCondition(query, field, value === null ? null : String(value), value === null), asLines(text));
}

/**
 * Return the address of the live page with the lines of an episode, and of the window before it.
 * @param {string} text of the alert
 * @param {{group: import("./alert_words.js").Group, begin: string, end: string | null}} episode
 */
export function linkTo(text, { group, begin, end }) {
  const since = new Date(Date.parse(begin) - 1000 * windowOf(text)).toISOString();
  // `until` is excluded.
  const until = end ? new Date(Date.parse(end) + 1000).toISOString() : "";
  return url({ q: linesOf(text, group), since, until });
}
