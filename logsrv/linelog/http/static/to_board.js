/** A saved search as a panel of a board: the shape in which it begins, and the request that adds it. */

import { saved } from "./api.js";
import { kindOf } from "./stages.js";

/**
 * Return the shape in which a panel of a query begins: figures without groups and steps are a number.
 * @param {string} query
 * @returns {"bars" | "number"}
 */
export const shapeFor = (query) => (kindOf(query) === "table" && !/\b(by|every)\b/.test(query) ? "number" : "bars");

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
