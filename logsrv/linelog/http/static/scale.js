/** The axis of figures: round ticks, and their short labels. The unit is in units.js. */

/** Larger figures are drawn as this: sums of them stay numbers. */
const LARGEST = 1e300;
const SUFFIXES = /** @type {[number, string][]} */ ([[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]]);

/** @param {number} value */
export const drawable = (value) => Math.max(-LARGEST, Math.min(LARGEST, value));

/**
 * Return the ends of an axis that has room for figures and for 0, and its ticks.
 * @param {number} least
 * @param {number} most
 * @param {number} count about so many ticks
 */
export function scale(least, most, count) {
  const [low, high] = [Math.min(0, least), Math.max(0, most)];
  const each = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(each));
  const step = power * ([1, 2, 5].find((one) => one * power >= each) ?? 10);
  const [first, last] = [Math.floor(low / step + 1e-9), Math.max(1, Math.ceil(high / step - 1e-9))];
  // Without the last digits, in which computed multiples differ from written ones.
  const ticks = Array.from({ length: last - first + 1 }, (_, index) => Number(((first + index) * step).toPrecision(12)));
  return { low: ticks[0], high: ticks[ticks.length - 1], ticks };
}

/**
 * Return the label of a tick: `250`, `1.5M`, `2e21`.
 * @param {number} value
 */
export function short(value) {
  const size = Math.abs(value);
  if (size && (size < 1e-4 || size >= 1e15)) return value.toExponential().replace("e+", "e").replace("-", "−");
  const [by, suffix] = SUFFIXES.find(([one]) => size >= Math.max(one, 10_000)) ?? [1, ""];
  return `${new Intl.NumberFormat("en", { maximumSignificantDigits: 6 }).format(value / by).replace("-", "−")}${suffix}`;
}
