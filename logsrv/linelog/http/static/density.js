/** How much of each line is shown: one row, two, or all; a choice that the browser keeps. */

import { byId } from "./dom.js";
import { keep, kept } from "./storage.js";

const CHOICES = ["1", "2", "all"];
const KEY = "logsrv-rows";

/**
 * Return the rows that a line may take: those of the address, else the last choice.
 * @param {string} given
 */
export function chosenRows(given) {
  return [given, kept(KEY) ?? ""].find((one) => CHOICES.includes(one)) ?? CHOICES[0];
}

/**
 * Return the choice after this one, and keep it.
 * @param {string} rows
 */
export function nextRows(rows) {
  const next = CHOICES[(CHOICES.indexOf(rows) + 1) % CHOICES.length];
  keep(KEY, next);
  return next;
}

/**
 * Return the sentence for a choice.
 * @param {string} rows
 */
export const saidRows = (rows) => (rows === "all" ? "Lines are shown whole." : rows === "1" ? "Each line takes one row." : `Each line takes at most ${rows} rows.`);

/** @param {string} rows */
export function showRows(rows) {
  byId("lines").dataset.rows = rows;
  const button = byId("rows");
  button.setAttribute("aria-label", `Rows of a line: ${rows}`);
  button.title = `Rows of a line: ${rows} (r)`;
  byId("rows-name").textContent = rows;
}
