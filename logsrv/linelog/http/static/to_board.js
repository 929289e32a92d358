/** A saved search as a panel of a board: the shape in which it begins, and the request that adds it. */

import { saved } from "./api.js";
import { kindOf } from "./stages.js";

/** Figures of which those of groups do not add up. */
const APART = /\|.*\b(avg|min|max|p50|p95|p99|count_distinct|let)\s/s;

/**
 * Return the shape in which a panel of a query begins: figures without groups and steps are a number, those that do not
 * add up are lines.
 * @param {string} query
 * @returns {"bars" | "lines" | "number"}
 */
export const shapeFor = (query) => (kindOf(query) !== "table" ? "bars" : !/\b(by|every)\b/.test(query) ? "number" : APART.test(query) ? "lines" : "bars");

/**
 * Add a search to a board, which is made if need be; one that is on it stays as it is.
 * @param {string} board
 * @param {string} search
 * @param {string} query
 */
export async function addToBoard(board, search, query) {
  const { boards } = await saved("GET");
  const { name, ...before } = boards.find((/** @type {{name: string}} */ one) => one.name === board) ?? { panels: [] };
  if (before.panels.some((/** @type {{search: string}} */ one) => one.search === search)) return;
  await saved("PUT", board, { ...before, panels: [...before.panels, { search, as: shapeFor(query) }] });
}
