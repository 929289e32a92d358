/** Times, numbers and sizes as people read them. The zone is the browser's, or UTC if so chosen. */

import { keep, kept } from "./storage.js";

const settings = { utc: kept("logsrv-utc") === "1" };
/** @type {Map<string, Intl.DateTimeFormat>} */
const formats = new Map();

/** @returns {boolean} */
export const isUtc = () => settings.utc;

/** @param {boolean} utc */
export function setUtc(utc) {
  settings.utc = utc;
  keep("logsrv-utc", utc ? "1" : "0");
  formats.clear();
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

/** Minutes of the line before: a new one is formatted once a minute, not once a line. */
let cache = { minute: "", clock: "", day: "" };

/**
 * The clock time and the day of a stored TIME. Offsets of zones are whole minutes, so seconds and
 * below are taken as they stand.
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
const hoursMinutes = (moment) =>
  format("minute", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(moment);

/** @param {Date} moment */
export const day = (moment) =>
  format("day", { weekday: "long", day: "numeric", month: "long", year: "numeric" }).format(moment);

/** @param {Date} moment */
export const clock = (moment) =>
  format("clock", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }).format(moment);

/** @param {Date} moment */
const date = (moment) => format("date", { day: "numeric", month: "short" }).format(moment);

/**
 * A label for an axis over `seconds`: with the date where clock times alone would be ambiguous.
 * @param {Date} moment
 * @param {number} seconds
 */
export function tick(moment, seconds) {
  if (seconds > 3 * 86400) return date(moment);
  if (seconds > 20 * 3600) return `${date(moment)} ${hoursMinutes(moment)}`;
  return seconds > 600 ? hoursMinutes(moment) : clock(moment);
}

/**
 * @param {Date} since
 * @param {Date} until
 */
export function span(since, until) {
  const days = day(since) === day(new Date()) && day(until) === day(since);
  const sameDay = day(since) === day(until);
  const from = days ? clock(since) : `${date(since)} ${clock(since)}`;
  return `${from} – ${sameDay ? clock(until) : `${date(until)} ${clock(until)}`}`;
}

const whole = new Intl.NumberFormat("en");

/** @param {number} value */
export const number = (value) => whole.format(value);

/**
 * @param {number} count
 * @param {string} one
 * @param {string} [many]
 */
export const counted = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

/** @param {number} bytes */
export function size(bytes) {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (bytes >= 1024 && unit < units.length - 1) {
    bytes /= 1024;
    unit += 1;
  }
  return `${unit && bytes < 100 ? bytes.toFixed(1) : number(Math.round(bytes))} ${units[unit]}`;
}
