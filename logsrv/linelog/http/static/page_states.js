/**
 * What the page shows and what it is asked for: all states of the page are here, and only the methods here change them.
 * main.js calls these, and nothing else does; other parts of the page read. A request for another state goes so:
 *
 *     ask ─── accepted ─── end      the server has taken the query: what was wanted is current
 *        ├─── retryLater            it has not answered: the same is asked for again
 *        ├─── end                   it has refused: what was wanted stays so, what is current is shown again
 *        └─── cancel, ask           nobody waits for the answer any more
 */

import { DEFAULT_LAST, figuresKey } from "./scope.js";
import { kindOf } from "./stages.js";

/** @typedef {import("./address.js").PageState} PageState */
/** @typedef {import("./scope.js").Scope} Scope */

export class PageStates {
  /** The state of the address: its lines or figures are shown, or were asked for first. @type {PageState} */
  #current;
  /** The state that is asked for: the current one with all changes that are not answered yet, or were refused. @type {PageState} */
  #wanted;
  /** The state whose answer is shown. @type {PageState | null} */
  #answered = null;
  /** The span of time of the answer. @type {Scope} */
  #scope = { since: DEFAULT_LAST, until: "" };
  /** The number of requests so far: only the answer to the last one is used. */
  #turns = 0;
  #isAsking = false;
  /** The timer until the same is asked for again; 0 for none. */
  #retry = 0;
  #isEmpty = true;
  /** The way back leads to what is shown now. */
  #isStep = false;

  /** @param {PageState} state of the address */
  constructor(state) {
    this.#current = this.#wanted = state;
  }

  get current() {
    return this.#current;
  }

  get wanted() {
    return this.#wanted;
  }

  get answered() {
    return this.#answered;
  }

  get scope() {
    return this.#scope;
  }

  get turns() {
    return this.#turns;
  }

  /** A request is under way. */
  get isAsking() {
    return this.#isAsking;
  }

  /** The same will be asked for again, as the server did not answer. */
  get willRetry() {
    return this.#retry > 0;
  }

  /** What the user sees or waits for has a time or a line. */
  get hasTime() {
    return [this.#current, this.#wanted].some(({ since, until, position }) => since || until || position);
  }

  /** Begin with the state of another address. @param {PageState} state */
  begin(state) {
    this.#current = this.#wanted = state;
  }

  /** Change rows, columns or the field of the bars, for which nothing is asked. @param {Partial<PageState>} change */
  layOut(change) {
    for (const one of [this.#current, this.#wanted]) Object.assign(one, change);
  }

  /**
   * Ask for another state.
   * @param {Partial<PageState>} change
   * @param {boolean} step the way back leads to what is shown now
   * @param {boolean} first all parts of the page are asked for
   * @returns {{turn: number, narrowed: boolean}} narrowed: bars and values are asked for, too
   */
  ask(change, step, first) {
    const next = { ...this.#wanted, ...change };
    // Sorted lines and figures have no position among the lines of the store.
    if (kindOf(next.q) !== "lines") next.position = "";
    this.#forgetRetry();
    this.#turns += 1;
    this.#isEmpty ||= first;
    const narrowed = this.#isEmpty || [this.#wanted, next].some((one) => figuresKey(one) !== figuresKey(this.#current));
    this.#wanted = next;
    this.#isStep ||= step;
    this.#isAsking = true;
    return { turn: this.#turns, narrowed };
  }

  /** Return whether a request is the last one. @param {number} turn */
  isLast(turn) {
    return turn === this.#turns;
  }

  /**
   * The server has accepted the last request.
   * @param {Scope} scope
   * @returns {boolean} the way back leads to what was shown before
   */
  accepted(scope) {
    const isStep = this.#isStep;
    this.#current = this.#answered = this.#wanted;
    this.#scope = scope;
    this.#isEmpty = this.#isStep = false;
    return isStep;
  }

  /** The server has refused the last request: the line that it asked for may be gone. */
  refused() {
    this.#wanted.position = this.#current.position;
  }

  /** Ask for the same later. @param {number} timer */
  retryLater(timer) {
    this.#retry = timer;
  }

  /** The last request has ended, whatever its answer was. */
  end() {
    this.#isAsking = false;
  }

  /** Wait for no answer any more. */
  cancel() {
    this.#forgetRetry();
    this.#turns += 1;
    this.#isAsking = false;
  }

  #forgetRetry() {
    clearTimeout(this.#retry);
    this.#retry = 0;
  }
}
