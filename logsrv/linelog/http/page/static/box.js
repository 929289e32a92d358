/** The search box: asks for a new view while somebody types, and says what is wrong with a query. */

import { byId } from "./dom.js";

const TYPING = 250;

export class Box {
  /** @param {(query: string) => void} onQuery */
  constructor(onQuery) {
    this.input = /** @type {HTMLInputElement} */ (byId("q"));
    this.error = byId("query-error");
    this.onQuery = onQuery;
    this.timer = 0;
    this.asked = this.input.value;
    this.input.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.ask(), TYPING);
    });
    /** @type {HTMLFormElement} */ (this.input.form).addEventListener("submit", (event) => {
      event.preventDefault();
      this.ask(true);
    });
  }

  get value() {
    return this.input.value;
  }

  /** @param {string} query */
  set(query) {
    clearTimeout(this.timer);
    this.input.value = query;
    this.asked = query;
    this.accept();
  }

  /** @param {string} query */
  change(query) {
    this.input.value = query;
    this.ask();
  }

  ask(again = false) {
    clearTimeout(this.timer);
    if (this.input.value === this.asked && !again) return;
    this.asked = this.input.value;
    this.onQuery(this.asked);
  }

  accept() {
    this.error.hidden = true;
    this.input.removeAttribute("aria-invalid");
  }

  /**
   * @param {string} sentence
   * @param {number | null} at column from 1, in characters
   */
  refuse(sentence, at) {
    const caret = byId("query-caret");
    caret.hidden = at === null;
    if (at !== null) {
      // Columns count characters; beyond the basic plane JavaScript counts two.
      const characters = [...this.asked];
      const from = Math.max(0, at - 40);
      byId("query-copy").textContent = (from ? "…" : "") + characters.slice(from, at + 39).join("");
      byId("query-place").textContent = " ".repeat(at - 1 - from + (from ? 1 : 0)) + "^";
    }
    byId("query-sentence").textContent = sentence;
    this.error.hidden = false;
    this.input.setAttribute("aria-invalid", "true");
  }
}
