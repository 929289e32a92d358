/** The stages that a query may have, as the server tells: each of its modules of stages has its own words. */

/**
 * @typedef {object} KnownStage
 * @property {string[]} names
 * @property {"lines" | "ordered" | "beside" | "limit" | "table"} kind what a query with it is answered with
 * @property {string[]} words that may stand in it, each once
 * @property {Record<string, string[]>} behind a word → what may follow it; nothing stands for names of fields
 * @property {string[]} afterComma
 * @property {"words" | "filter" | "figures" | "number" | "text"} takes figures: a sum of columns; number: of the most lines; text is not completed
 * @property {string} order of ordered lines: words before their number
 * @property {string} lack of ordered lines: a thing without which a line is not among them
 */

/** The server puts them in here. @type {KnownStage[]} */
export const STAGES = [];

/** @param {string} name */
export const stageNamed = (name) => STAGES.find((one) => one.names.includes(name));
