/** Steps of a query that fit the time that a board shows: an `every 5m` is nothing to see in ten minutes, or too much in a month. */

import { wordsOfFigures } from "./single_number.js";
import { number } from "./times.js";

/** Steps that a chart should have: with fewer it is no curve, and more than its pixels are not seen. */
const [LEAST, MOST] = [5, 500];
const LENGTH = /^(\d+)(s|m|h|d|w|mo|y)$/;
const SECONDS = /** @type {Record<string, number>} */ ({ s: 1, m: 60, h: 3600, d: 86_400, w: 604_800, mo: 2_629_746, y: 31_556_952 });

/**
 * Return a query with `every auto` where its own steps do not fit a time, and a phrase about it; "" where they do.
 * @param {string} query
 * @param {number} seconds the length of the time; NaN if it is unknown
 * @returns {{q: string, said: string}}
 */
export function fittingSteps(query, seconds) {
  const words = wordsOfFigures(query);
  const step = words[words.findIndex(({ word }, index) => index > 0 && word === "every") + 1];
  const length = LENGTH.exec(step?.word ?? "");
  const steps = length ? Math.ceil(seconds / (Number(length[1]) * SECONDS[length[2]])) : NaN;
  if (!(steps < LEAST || steps > MOST)) return { q: query, said: "" };
  const made = `${query.slice(0, step.start)}auto${query.slice(step.end)}`;
  return { q: made, said: `every ${step.word} would be ${number(steps)} ${steps === 1 ? "step" : "steps"}: every auto` };
}
