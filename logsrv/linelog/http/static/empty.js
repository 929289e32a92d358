/** An empty answer: which part of the query matches nothing, there or ever. */

import { search } from "./api.js";
import { button, byId, element } from "./dom.js";
import { atoms } from "./query.js";
import { stagesOf } from "./stages.js";
import { printable } from "./text.js";
import { moment } from "./times.js";
import { all } from "./view.js";

/** @typedef {import("./view.js").View} View */

/** Parts of a query that are asked for, one after the other. */
const MOST = 5;

export class Empty {
  /**
   * @param {View} view
   * @param {() => void} onWork called when a request begins or ends
   * @param {() => void} onAgain called to ask again what was cancelled
   */
  constructor(view, onWork, onAgain) {
    this.view = view;
    this.onWork = onWork;
    this.onAgain = onAgain;
    this.looking = false;
    this.place = byId("empty");
    /** The request for whose parts was asked. @type {import("./view.js").Request | null} */
    this.asked = null;
  }

  /** Show or hide it, as the view is empty or not. Before the server has answered, that is not known. */
  show() {
    const { view, place } = this;
    const is = (view.ready || view.cancelled) && !view.searching && !view.lines.log.childElementCount;
    place.hidden = !is;
    const { q, since } = view.request;
    const { scope } = byId("lines").dataset;
    const about = `${view.live} ${view.ready} ${view.cancelled} ${q} ${scope}`;
    if (is && place.dataset.about !== about) {
      place.dataset.about = about;
      const heading = view.cancelled ? "Search cancelled" : q || since || !view.live ? "No results" : "Nothing has been logged yet";
      const nothing = view.kind === "sort" ? `Nothing in ${scope} has a number to sort by.` : `Nothing in ${scope}.`;
      const hint = [!view.cancelled && nothing, view.live && view.ready && "Lines appear here as they arrive."].filter(Boolean).join(" ");
      const again = view.cancelled ? button("Ask again", "choice-button", this.onAgain) : "";
      place.replaceChildren(element("p", "heading", heading), element("p", "", hint), again, element("p", "parts"));
      this.asked = null;
      this.looking = false;
    }
    if (is && q && !view.cancelled && this.asked !== view.request) this.explain();
  }

  /** Say of each part of the query whether it matches anything. */
  async explain() {
    const { request } = this.view;
    this.asked = request;
    this.looking = true;
    this.onWork();
    try {
      await this.look();
    } catch {
      // Cancelled or refused: the answer stays as it is, empty.
    }
    if (request !== this.asked) return;
    this.looking = false;
    this.onWork();
  }

  async look() {
    const { request, signal } = this.view;
    const sentences = await sentencesOnParts(request, signal);
    if (request === this.view.request) this.place.querySelector(".parts")?.replaceChildren(...sentences);
  }
}

/**
 * Return a sentence for each part of a query that matches nothing, there or ever.
 * @param {{q: string, since: string, until: string}} request
 * @param {AbortSignal} signal
 */
export async function sentencesOnParts({ q: query, since, until }, signal) {
  const parts = partsOf(query);
  const said = [];
  for (const q of parts) {
    const newest = async (/** @type {object} */ scope) => (await all(await search({ q, reverse: 1, limit: 1, ...scope }, signal)))[0];
    if (await newest({ since, until })) continue;
    const line = since || until ? await newest({}) : null;
    said.push([q, line ? `does not occur in ${byId("lines").dataset.scope}, last at ${moment(new Date(line.time))}.` : "never occurred."]);
  }
  const sentences = said.map(([q, what]) => element("span", "", element("code", "", printable(q)), ` ${what}`));
  if (!said.length && parts.length > 1) sentences.push(element("span", "", "Each part of the query occurs, but not in the same line."));
  return sentences;
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
