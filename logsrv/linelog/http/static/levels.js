/** Levels by severity. */

import { FORMS } from "./line_forms.js";

/** From the least to the most severe. */
export const LEVELS = FORMS.levels;

const SHORT = new Map([["notice", "note"], ["warning", "warn"], ["critical", "crit"], ["emergency", "emerg"]]);

/**
 * The label of a line's level: at most five letters, the width of the column.
 * @param {string | null} level
 */
export const short = (level) => SHORT.get(level ?? "") ?? level ?? "";

/**
 * @param {string | null} level
 * @param {"warning" | "error" | "critical"} least
 */
export const isAtLeast = (level, least) => level !== null && LEVELS.indexOf(level) >= LEVELS.indexOf(least);
