/** Times, numbers and sizes in readable form. The zone is the browser's, or UTC if the user has chosen it. */

import { keep, kept } from "./storage.js";

const settings = { utc: kept("logsrv-utc") === "1", paper: false };
/** @type {Map<string, Intl.DateTimeFormat>} */
const formats = new Map();

/** @returns {boolean} */
export const isUtc = () => settings.utc;

/** @param {boolean} utc */
export function setUtc(utc) {
  settings.utc = utc;
  keep("logsrv-utc", utc ? "1" : "0");
  formats.clear();
  cache.minute = "";
}

/**
 * @param {string} name
 * @param {Intl.DateTimeFormatOptions} options
 */
function format(name, options) {
  let found = formats.get(name);
  if (!found) {
    const zone = settings.utc ? { timeZone: "UTC" } : {};
    found = new Intl.DateTimeFormat("en-GB", { ...options, ...zone });
    formats.set(name, found);
  }
  return found;
}

/** The formatted minute of the last line: formatting is needed once a minute, not once a line. */
let cache = { minute: "", clock: "", day: "" };

/**
 * Return the clock time and the day of a stored TIME. Zones differ from UTC by whole minutes, so seconds and
 * their fractions are copied.
 * @param {string} time `2026-11-20T06:18:42.123456Z`
 */
export function ofLine(time) {
  const minute = (settings.utc ? "u" : "l") + time.slice(0, 16);
  if (minute !== cache.minute) {
    const moment = new Date(time.slice(0, 16) + "Z");
    if (Number.isNaN(moment.getTime())) return { clock: time, day: "" };
    cache = { minute, clock: hoursMinutes(moment), day: day(moment) };
  }
  return { clock: `${cache.clock}:${time.slice(17, 23)}`, day: cache.day };
}

/** @param {Date} moment */
export const hoursMinutes = (moment) =>
  format("minute", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(moment);

/** @param {Date} moment */
export const day = (moment) =>
  format("day", { weekday: "long", day: "numeric", month: "long", year: "numeric" }).format(moment);

/** @param {Date} moment */
export const clock = (moment) =>
  format("clock", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }).format(moment);

/** @param {Date} moment */
const date = (moment) => format("date", { day: "numeric", month: "short" }).format(moment);

/** @param {Date} moment */
const month = (moment) => format("month", { month: "short", year: "numeric" }).format(moment);

/**
 * Return the label of a tick; at midnight it is the day.
 * @param {Date} moment
 * @param {number} step
 */
export function tick(moment, step) {
  if (step >= 28 * 86400) return month(moment);
  if (step >= 86400) return date(moment);
  if (step < 60) return clock(moment);
  const text = hoursMinutes(moment);
  return text === "00:00" ? date(moment) : text;
}

/** @param {boolean} paper is read on another day, so times of today have their day, too */
export function setPaper(paper) {
  settings.paper = paper;
}

/**
 * Return a moment in readable form: with the day unless it is today.
 * @param {Date} moment
 */
export const moment = (moment) => (!settings.paper && day(moment) === day(new Date()) ? clock(moment) : `${date(moment)} ${clock(moment)}`);

/** Return the name of the zone in which days begin at midnight, for the server; "" for UTC. */
export const zoneName = () => (settings.utc ? "" : (Intl.DateTimeFormat().resolvedOptions().timeZone ?? ""));

/** Return the name of the chosen zone, and its present offset from UTC. */
export function zone() {
  if (settings.utc) return { name: "UTC", offset: "" };
  const name = Intl.DateTimeFormat().resolvedOptions().timeZone || "Local time";
  const [, offset] = new Intl.DateTimeFormat("en", { timeZoneName: "longOffset" }).format().split("GMT");
  return { name, offset: name === "UTC" ? "" : `UTC${offset.replace("-", "−") || "+00:00"}` };
}

/**
 * Return the milliseconds by which the chosen zone is ahead of UTC.
 * @param {number} time
 */
export const ahead = (time) => (settings.utc ? 0 : -60_000 * new Date(time).getTimezoneOffset());

/**
 * Return the moment at which the clocks of the zone show this time.
 * @param {number} wall in milliseconds, as if the zone were UTC
 */
export const utc = (wall) => wall - ahead(wall - ahead(wall));

/** A time with a zone. Without one it is in the server's zone, which the browser does not know. */
export const EXACT = /^\d.*T.*(Z|[+-]\d\d:?\d\d)$/i;

/** A typed time without a zone: a day and a clock time, or one of them. */
const TYPED = /^(?:(\d{4}-\d\d-\d\d)|(today|yesterday))?(?:(?:^|T| +)(\d\d):(\d\d)(?::(\d\d(?:\.\d{1,9})?))?)?$/;

/**
 * Return a typed time in the chosen zone as one with a zone. Any other text is returned unchanged, for the server.
 * @param {string} text
 */
export function exactTime(text) {
  const given = text.trim();
  const typed = given && TYPED.exec(given);
  if (!typed) return given;
  const [, written, name, hour = "0", minute = "0", second = "0"] = typed;
  const today = new Date(Date.now() + ahead(Date.now())).toISOString().slice(0, 10);
  const day = Date.parse(written ?? today) - (name === "yesterday" ? 864e5 : 0);
  if (Number.isNaN(day) || (written && new Date(day).toISOString().slice(0, 10) !== written)) return given;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) >= 60) return given;
  const wall = day + 36e5 * Number(hour) + 6e4 * Number(minute) + 1000 * Number(second);
  return new Date(utc(wall)).toISOString();
}

/**
 * Return a time so that it means the same day on each day, if it is the beginning of today or yesterday: `today 00:00+01:00`.
 * @param {string} text
 */
export function relativeDay(text) {
  const day = ["today", "yesterday"].find((one) => exactTime(one) === text);
  const minutes = ahead(Date.now()) / 6e4;
  const two = (/** @type {number} */ part) => String(Math.floor(part)).padStart(2, "0");
  const size = Math.abs(minutes);
  return day ? `${day} 00:00${minutes < 0 ? "-" : "+"}${two(size / 60)}:${two(size % 60)}` : text;
}

/**
 * Return a time with a zone as it is typed in the chosen zone. Any other text is returned unchanged.
 * @param {string} text
 */
export function typedTime(text) {
  const time = EXACT.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(time)) return text;
  return new Date(time + ahead(time)).toISOString().replace("T", " ").replace(/(\.000)?Z$/, "");
}

/**
 * @param {Date} since
 * @param {Date} until
 */
export function span(since, until) {
  const days = day(since) === day(new Date()) && day(until) === day(since);
  const sameDay = day(since) === day(until);
  const isShort = Math.abs(until.getTime() - since.getTime()) < 1000;
  const exact = (/** @type {Date} */ one) => (isShort ? `${clock(one)}.${String(one.getUTCMilliseconds()).padStart(3, "0")}` : clock(one));
  const from = days ? exact(since) : `${date(since)} ${exact(since)}`;
  return `${from} – ${sameDay ? exact(until) : `${date(until)} ${exact(until)}`}`;
}

const whole = new Intl.NumberFormat("en");

/** @param {number} value */
export const number = (value) => whole.format(value);

/**
 * Return whether a figure is a number. Integers that a browser cannot hold exactly are texts of digits.
 * @param {unknown} value
 */
export const isNumber = (value) => typeof value === "number" || (typeof value === "string" && /^-?\d+$/.test(value));

/** Return whether a number is a row of zeros in decimals, or of digits that are not known. @param {number} value */
const isExtreme = (value) => value !== 0 && (Math.abs(value) < 1e-6 || (Math.abs(value) >= 1e15 && !Number.isSafeInteger(value)));

/**
 * Return a figure: a number that is no integer with three decimals, or six digits if it is small; `1e-300` if it is very small or large.
 * @param {number | string} value a text of digits is an integer
 */
export function figure(value) {
  if (typeof value === "string") return whole.format(BigInt(value)).replace("-", "−");
  if (isExtreme(value)) return String(Number(value.toPrecision(6)).toExponential()).replace(/^-/, "−");
  return new Intl.NumberFormat("en", Math.abs(value) < 1 ? { maximumSignificantDigits: 6 } : { maximumFractionDigits: 3 }).format(value).replace("-", "−");
}

/**
 * @param {number} count
 * @param {string} one
 * @param {string} [many]
 */
export const counted = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

/**
 * Return how many lines there are; if some are of records of several lines, of how many records.
 * @param {{records: number, lines: number}} found
 */
export const recordsAndLines = ({ records, lines }) => (records === lines ? "" : `${counted(records, "record")}, `) + counted(lines, "line");

/** @param {number} bytes */
export function size(bytes) {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  const unit = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  const shown = bytes / 1024 ** unit;
  return `${unit && shown < 100 ? shown.toFixed(1) : number(Math.round(shown))} ${units[unit]}`;
}

/** Seconds of a month on average: the length of a step of a month. */
const MONTH = 2_629_746;

/** Return a length of time in words. @param {number} seconds */
export function long(seconds) {
  if (seconds >= MONTH && seconds % MONTH === 0) return seconds % (12 * MONTH) ? `${number(seconds / MONTH)} mo` : `${number(seconds / MONTH / 12)} y`;
  const [count, unit] = seconds < 60 ? [seconds, "s"] : seconds < 3600 ? [seconds / 60, "min"] : seconds < 86400 ? [seconds / 3600, "h"] : [seconds / 86400, "d"];
  return `${number(count)} ${unit}`;
}
