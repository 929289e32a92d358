/** Why no line matches a query: which part of it matches nothing, in the asked time or ever. */

import { all, search } from "./api.js";
import { element } from "./dom.js";
import { atoms } from "./query.js";
import { stagesOf } from "./stages.js";
import { printable } from "./text.js";
import { moment } from "./times.js";

/** Parts of a query that are asked for, one after the other. */
const MOST = 5;

/**
 * Return a sentence for each part of a query that matches nothing.
 * @param {string} query
 * @param {{since: string, until: string}} scope
 * @param {string} name of the scope, `the last hour`
 * @param {AbortSignal} signal
 */
export async function whatIsMissing(query, { since, until }, name, signal) {
  const parts = partsOf(query);
  const said = [];
  for (const q of parts) {
    if (await newest({ q, since, until }, signal)) continue;
    const line = since || until ? await newest({ q }, signal) : null;
    said.push([q, line ? `does not occur in ${name}, last at ${moment(new Date(line.time))}.` : "never occurred."]);
  }
  const sentences = said.map(([q, what]) => element("span", "", element("code", "", printable(q)), ` ${what}`));
  if (!said.length && parts.length > 1) sentences.push(element("span", "", "Each part of the query occurs, but not in the same line."));
  return sentences;
}

/**
 * @param {Record<string, string>} about
 * @param {AbortSignal} signal
 */
async function newest(about, signal) {
  return (await all(await search({ ...about, reverse: 1, limit: 1 }, signal)))[0];
}

/**
 * Return the parts of a query's filter which every line has to match; the whole filter if it has brackets or OR.
 * @param {string} query
 */
function partsOf(query) {
  const [filter] = stagesOf(query);
  const found = atoms(filter.text);
  if (/[()]|\bOR\b/.test(filter.text)) return filter.text ? [filter.text] : [];
  return found.filter((one) => !one.negated).slice(0, MOST).map(({ start, end }) => filter.text.slice(start, end));
}
