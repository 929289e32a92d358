/** How often an alert would have fired in a span of time: counted as its text changes, the last text only. */

import { ApiError, get, getWithHint } from "./api.js";
import { linkTo } from "./alert_text.js";
import { at, groupText, lasting, safe, timesOf } from "./alert_words.js";
import { byId, element } from "./dom.js";
import { scopeOf } from "./scope.js";
import { counted, number, span } from "./times.js";

/** @typedef {import("./alert_words.js").Episode} Episode */
/** @typedef {import("../answers.js").Answers["/api/would_fire"]} Answer */
/** @typedef {{text: string, last: string, since: string, until: string, range: string}} Asked range: the name of its time */

/** Milliseconds after which it says that it counts. */
const SLOW = 400;
const FEW = 8;

export class WouldFire {
  /** @param {{accept: () => void, hint: (sentence: string) => void, refuse: (sentence: string, at: number | null) => void}} told whether the server takes the text, and what it notes */
  constructor(told) {
    this.told = told;
    this.part = byId("would");
    this.abort = new AbortController();
    this.slow = 0;
    /** @type {Asked | null} */
    this.asked = null;
    byId("would-again").addEventListener("click", () => this.asked && this.count(this.asked));
  }

  /** Ignore the answer that is under way, because the text changes. */
  stop() {
    this.abort.abort();
    clearTimeout(this.slow);
    this.part.classList.add("stale");
  }

  /** Show nothing, with a sentence. @param {string} sentence */
  clear(sentence) {
    this.stop();
    this.part.classList.remove("stale");
    this.say(sentence);
    for (const id of ["strip", "strip-axis"]) byId(id).hidden = true;
    byId("would-list").replaceChildren();
  }

  /** @param {string} sentence @param {boolean} [again] offer to count again */
  say(sentence, again = false) {
    byId("would-sentence").textContent = sentence;
    byId("would-again").hidden = !again;
  }

  /** @param {Asked} asked */
  async count(asked) {
    this.stop();
    this.asked = asked;
    const { signal } = (this.abort = new AbortController());
    const begin = performance.now();
    const counting = () => this.say(`Counting in ${asked.range} …`);
    this.slow = setTimeout(counting, SLOW);
    try {
      const scope = await this.scope(asked, signal);
      const { answer, hint } = await getWithHint("/api/would_fire", { alert: asked.text, ...scope }, signal);
      if (signal.aborted) return;
      clearTimeout(this.slow);
      this.told.accept();
      this.told.hint(hint);
      this.show(asked, answer, performance.now() - begin);
    } catch (error) {
      if (signal.aborted) return;
      clearTimeout(this.slow);
      if (!(error instanceof ApiError)) throw error;
      this.fail(error);
    }
  }

  /** @param {Asked} asked @param {AbortSignal} signal */
  async scope(asked, signal) {
    // Without a begin the server counts in a day.
    if (asked.last === "all") return { since: (await get("/api/stats", {}, signal)).oldest ?? "", until: "" };
    return scopeOf({ ...asked, position: "" });
  }

  /** @param {ApiError} error */
  fail({ status, message, at: column }) {
    this.clear("");
    this.told.hint("");
    // The text is wrong, or the time is, which no column tells.
    if (status === 400 && !/^(since|until): /.test(message)) return this.told.refuse(message, column);
    this.told.accept();
    if (status !== 401) this.say(`It could not be counted: ${safe(message).replace(/\.$/, "")}.`, true);
  }

  /**
   * @param {Asked} asked
   * @param {Answer} answer
   * @param {number} took milliseconds
   */
  show({ text, range }, answer, took) {
    const { episodes, total } = answer;
    this.part.classList.remove("stale");
    const slowly = took > 5000 ? ` Counting took ${lasting(took)}.` : "";
    this.say((answer.condition ? timesSentence(answer, range) : `${counted(answer.lines, "line")} in ${range}, reported in ${counted(answer.messages, "message")}.`) + slowly);
    this.showStrip(answer);
    const rows = episodes.slice(-FEW).reverse().map((one) => episodeRow(text, one));
    const rest = total - rows.length;
    byId("would-list").replaceChildren(...rows, rest > 0 ? element("li", "note", `and ${number(rest)} earlier`) : "");
  }

  /** Draw the episodes over the time. @param {Answer} answer */
  showStrip({ condition, episodes, since, until }) {
    const [from, to] = [since, until].map((time) => Date.parse(time));
    const isShown = condition && to > from;
    for (const id of ["strip", "strip-axis"]) byId(id).hidden = !isShown;
    if (!isShown) return;
    /** @param {number} time */
    const share = (time) => Math.max(0, Math.min(1, (time - from) / (to - from)));
    byId("strip").replaceChildren(...episodes.map(({ begin, end }) => {
      const made = element("span");
      const start = share(Date.parse(begin));
      made.style.insetInlineStart = `${100 * start}%`;
      made.style.inlineSize = `${100 * (share(end ? Date.parse(end) : to) - start)}%`;
      return made;
    }));
    byId("strip-axis").replaceChildren(element("span", "", at(since)), element("span", "", at(until)));
  }
}

/**
 * Return how often it would have fired, and how long at most.
 * @param {import("../answers.js").PastEpisodes} answer
 * @param {string} range
 */
function timesSentence({ episodes, total, left_out: together, until }, range) {
  if (!total) return `Not once in ${range}.`;
  const longest = Math.max(0, ...episodes.map(({ begin, end }) => Date.parse(end ?? until) - Date.parse(begin)));
  const still = episodes.some(({ end }) => !end) ? ", still firing" : "";
  const of = total > episodes.length ? ` of the newest ${number(episodes.length)}` : "";
  const times = total === 1 ? `Once in ${range}${still}; ${lasting(longest)}` : `${number(total)} times in ${range}${still}; the longest${of} ${lasting(longest)}`;
  return `${times}.${together ? " There are more groups than are kept; the others were counted together." : ""}`;
}

/** @param {string} text of the alert @param {Episode} episode */
function episodeRow(text, episode) {
  const [group, figures] = [groupText(episode.group), safe(episode.figures ?? "")];
  const link = /** @type {HTMLAnchorElement} */ (element("a", "", timesOf(episode)));
  link.href = linkTo(text, episode);
  return element("li", "", link, [group, figures].filter(Boolean).map((one) => ` · ${one}`).join(""));
}

/** Return the name of a span that no menu has. @param {string} since @param {string} until */
export function nameOfSpan(since, until) {
  const [from, to] = [since, until].map((time) => new Date(time));
  if (since && until && !Number.isNaN(from.getTime()) && !Number.isNaN(to.getTime())) return span(from, to);
  return [since && `since ${safe(since)}`, until && `until ${safe(until)}`].filter(Boolean).join(", ");
}
