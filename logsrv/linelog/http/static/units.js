/** Numbers of a column as people read them: in one unit, with the same number of decimals; `logsrv search` shows them so, too (read/tables/shown_numbers.py). */

import { figure } from "./times.js";

/** @typedef {{size: number, decimals: number, unit: string}} Format size: of the shown unit in that of the numbers */
/** @typedef {number | string} Figure a text of digits is an integer that a browser cannot hold exactly */

/** Digits of a usual number of a column, and of the smallest one if few more decimals do that. */
const DIGITS = 3;
const DIGITS_OF_LEAST = 2;
const MORE_DECIMALS = 2;
const MOST_DECIMALS = 12;
/** The units by which seconds and bytes are shown, each with the number from which on it is: a unit in a field's name stays. */
const SCALES = /** @type {Record<string, [number, number, string][]>} */ ({
  s: [[0, 1e-9, "ns"], [1e-6, 1e-6, "µs"], [1e-3, 1e-3, "ms"], [1, 1, "s"], [300, 60, "min"], [18_000, 3600, "h"], [432_000, 86_400, "d"]],
  B: ["B", "KiB", "MiB", "GiB", "TiB", "PiB"].map((name, power) => [power && 1024 ** power, 1024 ** power, name]),
});
const whole = new Intl.NumberFormat("en");

/**
 * Return the unit in which a number is shown, and its size.
 * @param {number} usual
 * @param {string} unit of the number; "" for none
 */
export function unitFor(usual, unit) {
  // A part of a whole.
  if (unit === "share") return { size: 0.01, unit: "%" };
  const fitting = usual && Object.hasOwn(SCALES, unit) ? SCALES[unit].filter(([least]) => usual >= least) : [];
  const [, size, name] = fitting[fitting.length - 1] ?? [0, 1, unit];
  return { size, unit: name };
}

/**
 * Return the format of a column, or of several that are compared.
 * @param {Figure[]} values
 * @param {string} unit
 * @param {Figure[]} [changes] the differences of these columns
 * @returns {Format}
 */
export function formatOf(values, unit, changes = []) {
  const sizes = values.map((value) => Math.abs(Number(value))).filter(Boolean).sort((a, b) => a - b);
  const usual = sizes[Math.floor(sizes.length / 2)] ?? 0;
  const all = [...values, ...changes];
  const made = { ...unitFor(usual, unit), decimals: 0 };
  if (made.size === 1 && all.every((value) => Number.isInteger(Number(value)))) return made;
  const least = all.reduce((/** @type {number} */ size, value) => Math.min(size, Math.abs(Number(value)) || Infinity), Infinity);
  const usually = Math.max(0, DIGITS - 1 - power(usual / made.size));
  const most = Math.min(MOST_DECIMALS, Math.max(usually, Math.min(DIGITS_OF_LEAST - 1 - power(least / made.size), usually + MORE_DECIMALS)));
  // No digit of any of them would be seen otherwise.
  if (usual && usual / made.size < 10 ** -MOST_DECIMALS) return { ...made, decimals: MOST_DECIMALS };
  let decimals = 0;
  for (const value of all) {
    const written = (Number(value) / made.size).toFixed(most).split(".")[1] ?? "";
    decimals = Math.max(decimals, written.replace(/0+$/, "").length);
    if (decimals === most) break;
  }
  return { ...made, decimals };
}

/** @param {number} value */
const power = (value) => (value > 0 && value < Infinity ? Math.floor(Math.log10(value)) : 0);

/**
 * Return a number with its unit.
 * @param {Figure} value
 * @param {Format} format of its column
 */
export function shown(value, { size, decimals, unit }) {
  const end = unit && ` ${unit}`;
  if (typeof value === "string" && size === 1) return `${figure(value)}${decimals ? `.${"0".repeat(decimals)}` : ""}${end}`;
  const scaled = Number(value) / size;
  // Its last digits are not known, or its first ones would not be shown.
  if ((Math.abs(scaled) >= 1e15 && !Number.isSafeInteger(scaled)) || (decimals === MOST_DECIMALS && !Number(scaled.toFixed(decimals)))) return `${figure(scaled)}${end}`;
  const text = new Intl.NumberFormat("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals, signDisplay: "negative" }).format(scaled);
  return `${text.replace("-", "−")}${end}`;
}

/**
 * Return a change with its sign.
 * @param {number} difference
 * @param {Format} format of the figures
 */
export const shownChange = (difference, format) => `${difference > 0 ? "+" : ""}${shown(difference, format)}`;

/**
 * Return a part of a sum in percent.
 * @param {number} part 0 to 1
 */
export const percent = (part) => (part > 0 && part < 0.001 ? "< 0.1 %" : `${part >= 0.1 || !part ? whole.format(Math.round(100 * part)) : (100 * part).toFixed(1)} %`);
