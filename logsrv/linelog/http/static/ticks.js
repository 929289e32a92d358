/** Ticks of an axis of time: at round seconds, minutes, hours, days and months of the chosen zone. */

import { ahead, utc } from "./times.js";

const DAY = 86400;
/** Seconds between two ticks. */
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, DAY, 2 * DAY, 7 * DAY];
const MONTHS = [1, 2, 3, 6, 12, 24, 60, 120];
const MONTH = 30.4 * DAY;
/** The first Monday after 1 January 1970: weeks begin at midnight before Monday. In milliseconds. */
const MONDAY = 4 * DAY * 1000;

/**
 * @param {number} since in milliseconds
 * @param {number} until
 * @param {number} most the number of ticks that there is room for
 * @returns {{step: number, times: number[]}} the approximate seconds between two ticks, and the ticks' times
 */
export function ticks(since, until, most) {
  const each = (until - since) / 1000 / Math.max(1, most);
  const step = STEPS.find((one) => one >= each);
  return step ? { step, times: even(since, until, step * 1000) } : months(since, until, each);
}

/**
 * @param {number} since
 * @param {number} until
 * @param {number} step
 */
function even(since, until, step) {
  const found = [];
  const base = step === 7 * DAY * 1000 ? MONDAY : 0;
  let wall = Math.ceil((since + ahead(since) - base) / step) * step + base;
  // Clocks may change within the axis (summer time): each tick has the zone's offset at its own moment.
  for (let time = utc(wall); time < until; wall += step, time = utc(wall)) {
    if (time >= since && (!found.length || time > found[found.length - 1])) found.push(time);
  }
  return found;
}

/**
 * @param {number} since
 * @param {number} until
 * @param {number} each
 */
function months(since, until, each) {
  const step = MONTHS.find((one) => one * MONTH >= each) ?? MONTHS[MONTHS.length - 1];
  const first = new Date(since + ahead(since));
  const times = [];
  let month = Math.floor((first.getUTCFullYear() * 12 + first.getUTCMonth()) / step) * step;
  for (let time = -Infinity; time < until; month += step) {
    time = utc(Date.UTC(Math.floor(month / 12), month % 12, 1));
    if (time >= since && time < until) times.push(time);
  }
  return { step: step * MONTH, times };
}
