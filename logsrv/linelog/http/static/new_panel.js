/** The form of a board in which a query is typed that becomes a panel: its search is saved for all. */

import { saved } from "./api.js";
import { Completion } from "./complete.js";
import { byId } from "./dom.js";
import { printable } from "./text.js";

const LONGEST_NAME = 200;

export class NewPanel {
  /**
   * @param {() => import("./scope.js").Scope} scope returns the time whose values are offered
   * @param {() => import("./board_panel.js").Search[]} searches returns those that the server has
   * @param {(search: string, query: string) => Promise<void>} add puts a saved search on the board
   */
  constructor(scope, searches, add) {
    this.searches = searches;
    this.add = add;
    this.form = byId("new-panel");
    this.query = /** @type {HTMLInputElement} */ (byId("new-query"));
    this.name = /** @type {HTMLInputElement} */ (byId("new-name"));
    this.error = byId("new-panel-error");
    const { query } = this;
    const box = { input: query, get value() { return query.value; } };
    // A board has no lines that could tell which fields have numbers.
    const lines = { rows: new Map(), data: new WeakMap() };
    new Completion(box, scope, lines);
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.save();
    });
  }

  async save() {
    const [q, typed] = [this.query.value.trim(), this.name.value.trim()];
    const name = typed || [...q].slice(0, LONGEST_NAME).join("");
    if (!name) return this.refuse("Type a query, or a name for all lines.", this.query);
    const there = this.searches().find((one) => one.name === name);
    if (there && (there.q ?? "") !== q) return this.refuse(`There is a saved search “${printable(name)}” with another query. Choose another name.`, this.name);
    try {
      if (!there) await saved("PUT", name, q ? { q } : {});
    } catch (error) {
      return this.refuse(/** @type {Error} */ (error).message, this.query);
    }
    this.refuse("", this.query);
    await this.add(name, q);
    this.query.value = this.name.value = "";
    this.query.focus();
    this.form.scrollIntoView({ block: "nearest" });
  }

  /**
   * @param {string} sentence "" if nothing is wrong
   * @param {HTMLInputElement} field
   */
  refuse(sentence, field) {
    this.error.hidden = !sentence;
    this.error.textContent = printable(sentence);
    for (const one of [this.query, this.name]) one.removeAttribute("aria-invalid");
    if (!sentence) return;
    field.setAttribute("aria-invalid", "true");
    field.focus();
  }
}
