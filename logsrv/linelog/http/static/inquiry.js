/** Requests for a part of the page: only the answer to the last one is shown, and the part is dimmed until it is there. */

/** The longest pause before the next request after refusals, in milliseconds. */
const LONGEST = 3_600_000;
/** Why a request was aborted. */
const CANCELLED = new Error("Cancelled.");

export class Inquiry {
  /**
   * @param {HTMLElement} part
   * @param {() => void} onWork called when a request begins or ends
   */
  constructor(part, onWork) {
    this.part = part;
    this.onWork = onWork;
    this.abort = new AbortController();
    this.timer = 0;
    /** What is shown is of something else. */
    this.pending = false;
    /** The number of refusals in a row. */
    this.refusals = 0;
    /** Milliseconds that the last answer took. */
    this.took = 0;
  }

  /** Ignore answers to earlier requests. */
  stop() {
    this.abort.abort();
    clearTimeout(this.timer);
  }

  /** End a request that the user does not want any more: what is shown stays dimmed, and nothing is asked again. */
  cancel() {
    if (!this.pending) return;
    clearTimeout(this.timer);
    this.abort.abort(CANCELLED);
  }

  dim() {
    this.stop();
    this.part.classList.add("stale");
  }

  /**
   * @template T
   * @param {(signal: AbortSignal) => Promise<T>} request
   * @param {(answer: T) => void} show
   * @param {(sentence: string) => void} refuse
   * @returns {Promise<boolean>} false if it was stopped meanwhile
   */
  async ask(request, show, refuse) {
    this.stop();
    const { signal } = (this.abort = new AbortController());
    this.onWork();
    const begin = performance.now();
    try {
      const answer = await request(signal);
      if (signal.aborted) return false;
      show(answer);
      this.refusals = 0;
      this.part.classList.remove("stale");
    } catch (error) {
      if (signal.reason === CANCELLED) {
        refuse(CANCELLED.message);
        this.pending = false;
        this.onWork();
      }
      if (signal.aborted) return false;
      this.refusals += 1;
      this.part.classList.add("stale");
      refuse(/** @type {Error} */ (error).message);
    }
    this.took = performance.now() - begin;
    this.pending = false;
    this.onWork();
    return true;
  }

  /**
   * Return the milliseconds before the next request: the longer the last one took, the more. After refusals they double.
   * @param {number} least
   * @param {number} times so many times as long as the last one
   */
  pause(least, times) {
    return Math.min(LONGEST, Math.max(least, times * this.took) * 2 ** Math.max(0, this.refusals - 1));
  }
}
