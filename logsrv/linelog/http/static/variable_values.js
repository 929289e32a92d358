/** Values for the variables of a query: `$host` in `hostname=$host`, of which the server says where they stand. */

import { printable, shortened, visible } from "./text.js";

/** @typedef {import("../answers.js").Comparison} Comparison */
/** @typedef {Map<string, string[]>} Chosen values by the name of the variable; all, for one that is missing */

export const PREFIX = "var.";
const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,49}$/;
export const MOST_CHOSEN = 50;
const LONGEST_VALUE = 1000;
/** Alone in a query, a value of these characters is nothing but this value. */
const BARE = /^[A-Za-z0-9_.][A-Za-z0-9_.-]*$/;

/**
 * Return a value as a query has it: whatever is in it, it is one value.
 * @param {string} value
 */
export const valueInQuery = (value) => (BARE.test(value) ? value : `"${value.replace(/["\\]/g, "\\$&")}"`);

/**
 * Return a query with values for its variables.
 * @param {(string | Comparison)[]} template
 * @param {Chosen} chosen
 */
export const filled = (template, chosen) => template.map((part) => (typeof part === "string" ? part : compared(part, chosen.get(part.variable)))).join("");

/**
 * @param {Comparison} comparison
 * @param {string[]} [values] one of them; undefined: all
 */
function compared({ written, op, before, all }, values) {
  if (!values?.length) return all;
  const given = values.map(valueInQuery);
  if (given.length > 1 && op === "=") return `${before}${written} in (${given.join(", ")})`;
  const each = given.map((value) => `${written}${op}${value}`);
  // What is none of several is different from each.
  return before + (each.length > 1 ? `(${each.join(op === "!=" ? " " : " OR ")})` : each[0]);
}

/**
 * Return what an address chooses.
 * @param {string} search the part of the address behind its path
 * @returns {Chosen}
 */
export function chosenIn(search) {
  /** @type {Chosen} */
  const chosen = new Map();
  for (const [key, value] of new URLSearchParams(search)) {
    const name = key.startsWith(PREFIX) ? key.slice(PREFIX.length) : "";
    const values = chosen.get(name) ?? [];
    if (!NAME.test(name) || value.length > LONGEST_VALUE || values.length >= MOST_CHOSEN || values.includes(value)) continue;
    chosen.set(name, [...values, value]);
  }
  return chosen;
}

/**
 * Return a value as it is shown.
 * @param {string} value
 */
export const shownValue = (value) => (value ? shortened(visible(printable(value))) : '""');
