/** A saved search as a panel of a board: the shape in which it begins, and each change of a board's panels. */

import { saved } from "./api.js";
import { kindOf } from "./stages.js";

/** Figures of which those of groups do not add up. */
const APART = /\|.*\b(avg|min|max|p50|p95|p99|count_distinct|let)\s/s;

/** @typedef {import("./board.js").SavedPanel} SavedPanel */

/**
 * Return the shape in which a panel of a query begins: figures without groups and steps are a number, those that do not
 * add up are lines.
 * @param {string} query
 * @returns {"bars" | "lines" | "number"}
 */
export const shapeFor = (query) => (kindOf(query) !== "table" ? "bars" : !/\b(by|every)\b/.test(query) ? "number" : APART.test(query) ? "lines" : "bars");

/**
 * Return the panels of a board with one of a search, as the last; one that is there stays as it is.
 * @param {SavedPanel[]} panels
 * @param {string} search
 * @param {string} query
 */
export const withSearch = (panels, search, query) => (panels.some((one) => one.search === search) ? panels : [...panels, { search, as: shapeFor(query) }]);

/**
 * Change the panels of a board, which is made if need be; return all that is saved then. It is changed as it is on the
 * server now, where another reader may have changed it.
 * @param {string} board
 * @param {(panels: SavedPanel[]) => SavedPanel[]} edit
 * @returns {Promise<import("./board.js").Saved>}
 */
export async function changeBoard(board, edit) {
  const now = await saved("GET");
  const { name: _, ...before } = now.boards.find((/** @type {{name: string}} */ one) => one.name === board) ?? { name: "", panels: [] };
  const panels = edit(before.panels);
  return panels === before.panels ? now : saved("PUT", board, { ...before, panels });
}
