/** The search box: it asks for a new view while the user types, and shows the error of a wrong query. */

import { BoxColours } from "./box_colours.js";
import { pointed } from "./caret.js";
import { byId } from "./dom.js";
import { printable } from "./text.js";

const TYPING = 250;
/** Milliseconds after the last key before an error is shown: until then the query may not be finished. */
export const patience = { typing: 1000 };

export class Box {
  /**
   * @param {(query: string) => void} onQuery
   * @param {() => void} onError called when an error appears, or goes
   */
  constructor(onQuery, onError) {
    this.onError = onError;
    this.input = /** @type {HTMLTextAreaElement} */ (byId("q"));
    this.error = byId("query-error");
    this.colours = new BoxColours(this.input);
    this.onQuery = onQuery;
    this.timer = this.telling = 0;
    this.asked = this.input.value;
    this.typed = -Infinity;
    /** @type {[string, number | null] | null} the error of the last query, if it had one */
    this.refused = null;
    // At the form, so that a suggestion that Enter takes comes first.
    this.input.form?.addEventListener("keydown", (event) => {
      if (event.target !== this.input) return;
      if (event.key !== "Enter" || event.isComposing || event.defaultPrevented) return;
      event.preventDefault();
      this.input.form?.requestSubmit();
    });
    this.input.addEventListener("input", () => {
      this.join();
      this.colours.draw();
      this.typed = performance.now();
      this.hide();
      this.hint("");
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.ask(), TYPING);
    });
    this.input.addEventListener("blur", () => this.tell());
    /** @type {HTMLFormElement} */ (this.input.form).addEventListener("submit", (event) => {
      event.preventDefault();
      this.typed = -Infinity;
      this.tell();
      this.ask(true);
    });
  }

  get value() {
    return this.input.value;
  }

  /** Make spaces of line breaks in a pasted text: a query is one line, however many rows show it. */
  join() {
    const { input } = this;
    if (!/[\r\n]/.test(input.value)) return;
    const cursor = input.selectionStart;
    input.value = input.value.replace(/[\r\n]/g, " ");
    input.setSelectionRange(cursor, cursor);
  }

  /** @param {string} query */
  set(query) {
    clearTimeout(this.timer);
    this.input.value = query;
    this.join();
    this.colours.draw();
    this.asked = this.input.value;
    this.hint("");
    this.accept();
  }

  ask(again = false) {
    clearTimeout(this.timer);
    if (this.input.value === this.asked && !again) {
      if (this.refused) this.refuse(...this.refused);
      return;
    }
    this.asked = this.input.value;
    this.onQuery(this.asked);
  }

  accept() {
    this.refused = null;
    this.hide();
  }

  hide() {
    clearTimeout(this.telling);
    this.telling = 0;
    if (!this.wrong) return;
    this.error.hidden = true;
    this.input.removeAttribute("aria-invalid");
    this.onError();
  }

  /** True while the error of the query is shown. */
  get wrong() {
    return !this.error.hidden;
  }

  /**
   * Show the error of the query, once typing has stopped.
   * @param {string} sentence
   * @param {number | null} at column from 1, in characters
   */
  refuse(sentence, at) {
    clearTimeout(this.telling);
    this.refused = [sentence, at];
    this.telling = setTimeout(() => this.tell(), Math.max(0, this.typed + patience.typing - performance.now()));
  }

  /** @param {string} text a hint on a valid query that probably means something else; "" for none */
  hint(text) {
    const hint = byId("query-hint");
    hint.hidden = !text;
    hint.textContent = printable(text);
  }

  /** Show the error now, if it waits for the end of typing. */
  tell() {
    if (!this.telling || !this.refused) return;
    clearTimeout(this.telling);
    this.telling = 0;
    const [sentence, at] = this.refused;
    const caret = byId("query-caret");
    caret.hidden = at === null;
    if (at !== null) {
      const [copy, pointer] = pointed(this.asked, at);
      byId("query-copy").textContent = copy;
      byId("query-pointer").textContent = pointer;
    }
    byId("query-sentence").textContent = sentence;
    this.error.hidden = false;
    this.input.setAttribute("aria-invalid", "true");
    this.onError();
  }
}
