/** An answer that is shown while it is made: how much is read, and the figures of the newest lines so far. */

import { ApiError, parseJson, requestInZone, texts } from "./api.js";
import { element } from "./dom.js";
import { day, hoursMinutes, moment } from "./times.js";

/** @typedef {import("../answers.js").Answers} Answers */
/** @typedef {import("../answers.js").CountedPath} CountedPath */
/** @typedef {import("../answers.js").Progress} Progress */
/** @template Answer @typedef {(progress: Progress, answer?: Answer) => void} Tell called with each line but the last; without an answer if there is nothing newer */

/** Milliseconds in which an answer mostly is whole: until then nothing is shown of it. */
const PATIENCE = 1000;

/**
 * Return the whole answer of a path; it tells its progress before.
 * @template {CountedPath} Path
 * @param {Path} path
 * @param {Record<string, string | number | null | undefined>} parameters
 * @param {AbortSignal} signal
 * @param {Tell<Answers[Path]>} tell
 * @returns {Promise<Answers[Path]>}
 */
export async function answered(path, parameters, signal, tell) {
  const response = await requestInZone(path, { ...parameters, progress: 1 }, signal);
  try {
    let rest = "";
    for await (const text of texts(response)) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      // Each line replaces the one before.
      const line = lines.filter(Boolean).at(-1);
      if (!line) continue;
      const { progress, answer, error } = /** @type {import("../answers.js").ProgressLine<Answers[Path]>} */ (parseJson(line));
      if (error !== undefined) throw new ApiError(0, String(error));
      if (!progress) return /** @type {Answers[Path]} */ (answer);
      if (!signal.aborted) tell(progress, answer);
    }
  } catch (error) {
    if (signal.aborted || error instanceof ApiError) throw error;
  }
  throw new ApiError(0, "The server's answer broke off.");
}

/**
 * The bar and the words of a panel whose answer is under way.
 * @template Shown what is shown of an answer
 */
export class PartialAnswer {
  /** @param {(said: string, answer: Shown | null, since: Date | null) => void} show shows the words, and an answer if there is one */
  constructor(show) {
    this.show = show;
    /** @type {Shown | null} */
    this.answer = null;
    this.bar = element("div", "read-bar");
    this.bar.setAttribute("role", "progressbar");
    this.bar.ariaLabel = "Read";
    this.bar.ariaValueMin = "0";
    this.bar.ariaValueMax = "100";
    this.end();
  }

  /**
   * Begin with another answer; return what is to be told of it.
   * @template Answer
   * @param {boolean} isNew nothing is shown of one that replaces an earlier answer to the same question
   * @param {(answer: Answer) => Shown} convert makes of an answer what is shown
   * @returns {Tell<Answer>}
   */
  begin(isNew, convert) {
    this.end();
    const turn = this.turn;
    const began = performance.now();
    return (progress, answer) => {
      if (!isNew || turn !== this.turn) return;
      this.progress = progress;
      if (answer) [this.answer, this.since] = [convert(answer), progress.since ? new Date(progress.since) : null];
      this.timer ||= setTimeout(() => this.paint(), began + PATIENCE - performance.now());
    };
  }

  paint() {
    this.timer = 0;
    const { read, of } = this.progress;
    const part = `${of ? Math.floor((100 * read) / of) : 0} %`;
    const said = this.since ? `counted since ${day(this.since) === day(new Date()) ? hoursMinutes(this.since) : moment(this.since)}, ${part}` : `counting … ${part}`;
    this.bar.hidden = false;
    this.bar.style.setProperty("--read", part.replace(" ", ""));
    this.bar.ariaValueNow = String(parseInt(part, 10));
    this.bar.ariaValueText = said;
    this.show(said, this.answer, this.since);
    this.answer = null;
  }

  /** Show nothing more: the answer is whole, has failed, or is not wanted any more. */
  end() {
    clearTimeout(this.timer);
    this.timer = 0;
    this.turn = {};
    this.bar.hidden = true;
    /** @type {Progress} */
    this.progress = { read: 0, of: 0 };
    this.answer = null;
    /** @type {Date | null} */
    this.since = null;
  }
}
