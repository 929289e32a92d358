/** Levels by severity, and groups of levels, each with a colour. */

/** From the least to the most severe. */
export const LEVELS = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];

/** Groups of the histogram, drawn from the bottom up: the worst is at the bottom. */
export const GROUPS = [
  { name: "critical", levels: ["emergency", "alert", "critical"] },
  { name: "error", levels: ["error"] },
  { name: "warning", levels: ["warning"] },
  { name: "notice", levels: ["notice"] },
  { name: "info", levels: ["info"] },
  { name: "debug", levels: ["debug"] },
];

const SHORT = new Map([
  ["debug", "debug"],
  ["info", "info"],
  ["notice", "note"],
  ["warning", "warn"],
  ["error", "error"],
  ["critical", "crit"],
  ["alert", "alert"],
  ["emergency", "emerg"],
]);

/**
 * The label of a line's level: at most five letters, the width of the column.
 * @param {string | null} level
 */
export const short = (level) => (level && SHORT.get(level)) || "";

/** @param {string | null} level */
export const isProblem = (level) => level !== null && LEVELS.indexOf(level) >= LEVELS.indexOf("warning");

/** @param {string | null} level */
export const isError = (level) => level !== null && LEVELS.indexOf(level) >= LEVELS.indexOf("error");
