/** The scope: the span of time of lines, bars and values; its text for the page, and a wider one. */

import { get } from "./api.js";
import { byId, option } from "./dom.js";
import { asLines } from "./stages.js";
import { printable } from "./text.js";
import { EXACT, counted, isUtc, moment, span, zone } from "./times.js";

/** @typedef {import("./address.js").PageState} PageState */
/** @typedef {{since: string, until: string}} Scope in the format of the API. Without `until`, new lines are shown too. */

export const DEFAULT_LAST = "15m";
const ALL = "all";
/** The entries of the menu, in milliseconds. */
const LASTS = new Map([["5m", 3e5], ["15m", 9e5], ["1h", 36e5], ["6h", 216e5], ["24h", 864e5], ["7d", 6048e5], ["30d", 2592e6], [ALL, Infinity]]);

/** A length of time as the API takes it, `2h`. */
const LENGTH = /^\d{1,4}[smhdw]$/;
const SECONDS = /** @type {Record<string, number>} */ ({ s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 });
const WORDS = /** @type {Record<string, string>} */ ({ s: "second", m: "minute", h: "hour", d: "day", w: "week" });

/** @param {Partial<PageState>} state */
export const lastOf = ({ last = "" }) => (LASTS.has(last) || LENGTH.test(last) ? last : DEFAULT_LAST);

/** @param {string} last in milliseconds */
const lengthOf = (last) => LASTS.get(last) ?? 1000 * parseInt(last, 10) * SECONDS[last.slice(-1)];

/**
 * Return the length of the time of a state in seconds; NaN if it is not known.
 * @param {PageState} state
 */
export function secondsOf({ since, until, last }) {
  if (!since && !until) return lastOf({ last }) === ALL ? NaN : lengthOf(lastOf({ last })) / 1000;
  return (Date.parse(until) - Date.parse(since)) / 1000;
}

/**
 * Return what is wrong with the range of an address; "" if nothing is.
 * @param {Partial<PageState>} state
 */
export const wrongLast = ({ last = "" }) => (!last || lastOf({ last }) === last ? "" : `last: ${printable(last)} is not a length of time such as 2h, 30m or 3d. This is the last 15 minutes.`);

/**
 * Let the menu have a length of time that it lacks, as an address may.
 * @param {string} last
 */
export function offerLast(last) {
  const menu = /** @type {HTMLSelectElement} */ (byId("last"));
  if (LENGTH.test(last) && ![...menu.options].some(({ value }) => value === last)) menu.append(option(last, `Last ${lengthText(last)}`));
}

/** @param {string} last as `2h` */
const lengthText = (last) => counted(parseInt(last, 10), WORDS[last.slice(-1)]);

/**
 * Return the scope of a state. For a single line it is centred on the line, as wide as the menu says.
 * @param {Pick<PageState, "since" | "until" | "last" | "position">} state
 * @returns {Promise<Scope>}
 */
export async function scopeOf(state) {
  const { since, until, position } = state;
  const last = lastOf(state);
  if (since || until) return { since, until };
  if (last === ALL) return { since: "", until: "" };
  if (!position) return { since: last, until: "" };
  const { lines } = await get("/api/show", { position, before: 0, after: 0 });
  const [time, half] = [Date.parse(lines[0].time), lengthOf(last) / 2];
  if (Number.isNaN(time)) return { since: "", until: "" };
  return { since: iso(time - half), until: time + half < Date.now() ? iso(time + half) : "" };
}

/**
 * Return a text that tells states with other bars and values apart: what stands behind | changes neither, unless it is of the lines.
 * @param {PageState} state
 */
export const figuresKey = ({ q, since, until, last, position }) => JSON.stringify([asLines(q), since, until, last, position]);

/**
 * Return a change of state after which a line of `time` is in the scope.
 * @param {PageState} state
 * @param {Scope} scope
 * @param {string} time
 * @returns {Partial<PageState>}
 */
export function wider(state, scope, time) {
  const old = Date.parse(time);
  if (!state.since && !state.until && !state.position) return { last: [...LASTS].find(([, wide]) => Date.now() - old < wide * 0.99)?.[0] ?? ALL };
  const [since, until] = [Date.parse(scope.since), scope.until ? Date.parse(scope.until) : Date.now()];
  return { since: iso(Math.min(Math.floor(old / 1000) * 1000, 2 * since - until || old)), until: scope.until };
}

/**
 * Return a change of state that shows a span of time; the menu is used if it has that span.
 * @param {{since: string, until: string}} span
 * @returns {Partial<PageState>}
 */
export function stateOfSpan({ since, until }) {
  const menu = since.replace(/^-/, "") || ALL;
  if (!until && LASTS.has(menu)) return { since: "", until: "", position: "", last: menu === DEFAULT_LAST ? "" : menu };
  return { since, until, position: "" };
}

/**
 * Return the span of some seconds around a line, both ends included.
 * @param {string} time of the line
 * @param {number} seconds
 * @returns {{since: string, until: string} | null} null if the line has no valid time
 */
export function spanAround(time, seconds) {
  const middle = Date.parse(time);
  if (Number.isNaN(middle)) return null;
  // `until` is excluded, and the line's time has microseconds.
  return { since: iso(middle - 1000 * seconds), until: iso(middle + 1000 * seconds + 1) };
}

/** @param {number} time */
const iso = (time) => new Date(time).toISOString();

/**
 * Show the scope in the page.
 * @param {PageState} state
 * @param {Scope} scope
 */
export function showScope(state, scope) {
  const last = /** @type {HTMLSelectElement} */ (byId("last"));
  offerLast(lastOf(state));
  last.value = lastOf(state);
  const menu = !state.since && !state.until && (!state.position || last.value === ALL);
  last.hidden = !menu;
  byId("range").hidden = menu;
  byId("range-text").textContent = menu ? "" : rangeText(scope);
  byId("lines").dataset.scope = menu ? nameOfRange({ last: last.value }) : "this time range";
}

/**
 * Return the name of the range of a state, if it is one of the menu.
 * @param {Partial<PageState>} state
 */
export function nameOfRange({ last = "" }) {
  const menu = /** @type {HTMLSelectElement} */ (byId("last"));
  const chosen = [...menu.options].find(({ value }) => value === last);
  if (!chosen && LENGTH.test(last)) return `the last ${lengthText(last)}`;
  return !chosen ? "older lines" : last === ALL ? "the store" : `the ${chosen.text.toLowerCase()}`;
}

/** @param {Scope} scope */
export function rangeText({ since, until }) {
  const [from, to] = [since, until].map((text) => new Date(EXACT.test(text) ? text : NaN));
  const known = (/** @type {Date} */ one) => !Number.isNaN(one.getTime());
  if (known(from) && known(to)) return span(from, to);
  const ago = (/** @type {string} */ text) => text.replace(/^-?(\d+[smhdw])$/, "$1 ago");
  const said = (/** @type {string} */ text, /** @type {Date} */ one) => (known(one) ? moment(one) : ago(text));
  return [since && `since ${said(since, from)}`, until && `until ${said(until, to)}`].filter(Boolean).join(", ");
}

/** Show in which zone times are. */
export function showZone() {
  const { name, offset } = zone();
  const button = byId("zone");
  button.setAttribute("aria-pressed", String(isUtc()));
  byId("zone-name").textContent = [name, offset && `(${offset})`].filter(Boolean).join(" ");
  button.title = isUtc() ? "Times are in UTC. Show them in the zone of this browser" : `Times are in the zone of this browser, ${name}. Show them in UTC`;
}
