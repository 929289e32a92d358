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
export const changeBoard = (board, edit) => changeParts(board, (before) => {
  const panels = edit(before.panels);
  return panels === before.panels ? before : { ...before, panels };
});

/**
 * Change any part of a board, as `changeBoard` its panels.
 * @param {string} board
 * @param {(before: import("./board.js").Board) => import("./board.js").Board} edit
 * @returns {Promise<import("./board.js").Saved>}
 */
export async function changeParts(board, edit) {
  const now = await saved("GET");
  const { name: _, ...before } = now.boards.find((/** @type {{name: string}} */ one) => one.name === board) ?? { name: "", panels: [] };
  const after = edit(before);
  return after === before ? now : saved("PUT", board, after);
}

/**
 * Return a board that says of which field the values of a variable are.
 * @param {import("./board.js").Board} board
 * @param {string} variable
 * @param {string} field "": that of the first search with the variable
 */
export function withField(board, variable, field) {
  const { [variable]: _, ...others } = board.variables ?? {};
  return { ...board, variables: field ? { ...others, [variable]: field } : others };
}
