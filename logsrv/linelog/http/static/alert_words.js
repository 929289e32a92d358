/** What the server tells about alerts, in words: states, groups, episodes, deliveries, silences. */

import { printable, shortened, visible } from "./text.js";
import { clock, day, moment, number } from "./times.js";

/** @typedef {import("../answers.js").Group} Group */
/** @typedef {import("../answers.js").Episode} Episode */
/** @typedef {import("../answers.js").Delivery} Delivery */
/** @typedef {import("../answers.js").Silence} Silence */
/** @typedef {import("../answers.js").Alert} Alert */
/** @typedef {import("../answers.js").Alerts} Known all that the server tells of alerts */

/** Return a time to the minute, with the day unless it is today. @param {string | null} time */
export const at = (time) => (time ? moment(new Date(time)).replace(/(\d\d:\d\d):\d\d$/, "$1") : "");

/** Return a text of the server's, or of a reader's, to stand among others. @param {unknown} text */
export const safe = (text) => printable(shortened(String(text)));

/**
 * Return the values of a group, `app=shop host=a`; "" if the alert has no `by`.
 * @param {Group} group
 */
export function groupText(group) {
  if (!group) return "(other groups)";
  const parts = Object.entries(group).map(([field, value]) => `${safe(field)}=${value === null ? "(none)" : visible(safe(value))}`);
  return parts.join(" ");
}

/**
 * Return how long something lasted.
 * @param {number} milliseconds
 */
export function lasting(milliseconds) {
  const seconds = Math.max(0, milliseconds / 1000);
  if (seconds < 90) return `${number(Math.round(seconds))} s`;
  if (seconds < 5400) return `${number(Math.round(seconds / 60))} min`;
  if (seconds < 129_600) return `${number(Math.round(seconds / 360) / 10)} h`;
  return `${number(Math.round(seconds / 8640) / 10)} d`;
}

/**
 * Return the times of an episode, and how long it lasted.
 * @param {Episode} episode
 */
export function timesOf({ begin, end }) {
  if (!end) return `since ${at(begin)}`;
  const [from, to] = [begin, end].map((time) => new Date(time));
  const last = day(from) === day(to) ? clock(to).slice(0, 5) : at(end);
  return `${at(begin)} – ${last} (${lasting(to.getTime() - from.getTime())})`;
}

/**
 * Return the silence of an alert, or of one of its groups; one of the whole alert covers its groups.
 * @param {Silence[]} silences
 * @param {string} name
 * @param {Group} [group]
 */
export function silenceOf(silences, name, group = null) {
  const own = silences.filter((one) => one.alert === name && (!one.group || sameGroup(one.group, group)));
  return own.sort((one, other) => Date.parse(other.until) - Date.parse(one.until))[0] ?? null;
}

/** Return what a silence is of. @param {Pick<Silence, "alert" | "group">} silence */
export const silencedText = ({ alert, group }) => [safe(alert), group && groupText(group)].filter(Boolean).join(", ");

/** @param {Group} one @param {Group} other */
function sameGroup(one, other) {
  const [first, second] = [Object.entries(one ?? {}), other ?? {}];
  return other !== null && first.length === Object.keys(second).length && first.every(([field, value]) => Object.hasOwn(second, field) && second[field] === value);
}

/** Return a sentence of the server's as one of the page's. @param {string} text */
export const asSentence = (text) => text && `${printable(text[0].toUpperCase() + text.slice(1)).replace(/\.$/, "")}.`;

/** @typedef {"wrong" | "firing" | "quiet" | "lines"} Shape of an alert in the list */

/** The sign of each state: a shape, so that it is not told by its colour alone. @type {Record<Shape, string>} */
export const SIGNS = { wrong: "✕", firing: "▲", quiet: "○", lines: "≡" };

/** @param {Alert} alert @returns {Shape} */
export const shapeOf = ({ error, state }) => (error ? "wrong" : state);

/**
 * Return the state of an alert in words.
 * @param {Alert} alert
 */
export function stateText(alert) {
  const { groups, group_count: count } = alert;
  const shape = shapeOf(alert);
  if (shape === "wrong") return "wrong: it watches nothing";
  if (shape === "lines") return "reports lines";
  if (shape === "quiet") return "quiet";
  const first = groups.map(({ since }) => since).sort((one, other) => Date.parse(one) - Date.parse(other))[0];
  const since = first ? ` since ${at(first)}` : "";
  return `firing${since}${count > 1 ? `, ${number(count)} groups` : ""}`;
}

/**
 * Return a sentence on what was sent by one way.
 * @param {Delivery} delivery
 * @param {string} since the time since which the server knows what was sent
 */
export function deliveryText({ way, state, time, why, next }, since) {
  const by = `by ${safe(way)}`;
  const when = time ? ` at ${at(time)}` : "";
  const again = next ? `, tried again at ${at(next)}` : "";
  const reason = why ? `: ${safe(why).replace(/\.$/, "")}` : "";
  if (state === "sent") return `sent ${by}${when}`;
  if (state === "waiting") return `not sent yet ${by}${reason}${again}`;
  if (state === "failed") return `failed ${by}${when}${reason}${again}`;
  return `nothing sent ${by}${since && ` since ${at(since)}`}`;
}
