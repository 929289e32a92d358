/** Fields beside the lines: which there are, and the most frequent values of those that are opened. */

import { get } from "./api.js";
import { button, byId, element } from "./dom.js";
import { isField } from "./query.js";
import { printable } from "./text.js";
import { counted, number } from "./times.js";

const FIRST = ["level", "app", "name", "host"];
const MOST = 40;

export class Fields {
  /** @param {(field: string, value: string, exclude: boolean) => void} onTerm */
  constructor(onTerm) {
    this.onTerm = onTerm;
    this.panel = byId("fields");
    this.list = byId("field-list");
    this.note = byId("field-note");
    /** @type {Set<string>} */
    this.opened = new Set(["level"]);
    this.abort = new AbortController();
    /** @type {{q: string, since: string, until: string}} */
    this.range = { q: "", since: "", until: "" };
    this.stale = true;
  }

  get shown() {
    return !this.panel.hidden;
  }

  /** @param {{q: string, since: string, until: string}} range */
  set(range) {
    this.range = range;
    this.stale = true;
    if (this.shown) this.load();
  }

  /** @param {boolean} [shown] */
  toggle(shown = !this.shown) {
    this.panel.hidden = !shown;
    byId("fields-button").setAttribute("aria-expanded", String(shown));
    if (shown && this.stale) this.load();
  }

  /** @param {string} field */
  reveal(field) {
    this.opened.add(field);
    this.toggle(true);
    this.load(field);
  }

  /** @param {string} [focus] a field to be brought into sight */
  async load(focus) {
    this.abort.abort();
    const { signal } = (this.abort = new AbortController());
    this.stale = false;
    try {
      const { fields, sampled } = await get("/api/fields", this.range, signal);
      const names = new Set([...FIRST, ...this.opened]);
      const found = fields.filter((/** @type {any} */ one) => !names.has(one.name)).slice(0, MOST);
      const known = new Map(fields.map((/** @type {any} */ one) => [one.name, one.lines]));
      const all = [...names].map((name) => ({ name, lines: known.get(name) ?? null })).concat(found);
      this.list.replaceChildren(...all.filter((one) => isField(one.name)).map((one) => this.entry(one.name, one.lines, signal)));
      this.note.textContent = `In a sample of ${counted(sampled, "line")}`;
      if (focus) this.list.querySelector(`[data-field="${CSS.escape(focus)}"]`)?.scrollIntoView({ block: "nearest" });
    } catch (error) {
      if (!signal.aborted) this.note.textContent = /** @type {Error} */ (error).message;
    }
  }

  /**
   * @param {string} name
   * @param {number | null} lines
   * @param {AbortSignal} signal
   */
  entry(name, lines, signal) {
    const entry = /** @type {HTMLDetailsElement} */ (element("details", "field"));
    entry.dataset.field = name;
    const summary = element("summary");
    summary.append(element("span", "name", printable(name)), element("span", "count", lines === null ? "" : number(lines)));
    const values = element("ul");
    entry.append(summary, values);
    entry.addEventListener("toggle", () => {
      if (entry.open) this.opened.add(name);
      else this.opened.delete(name);
      if (entry.open && !values.childElementCount) this.top(name, values, signal);
    });
    entry.open = this.opened.has(name);
    return entry;
  }

  /**
   * @param {string} field
   * @param {HTMLElement} list
   * @param {AbortSignal} signal
   */
  async top(field, list, signal) {
    try {
      const { values, total } = await get("/api/top", { ...this.range, field }, signal);
      list.replaceChildren(...values.map((/** @type {any} */ one) => this.value(field, String(one.value), one.count, total)));
      if (!values.length) list.replaceChildren(element("li", "empty", "No values"));
    } catch (error) {
      if (!signal.aborted) list.replaceChildren(element("li", "empty", /** @type {Error} */ (error).message));
    }
  }

  /**
   * @param {string} field
   * @param {string} value
   * @param {number} count
   * @param {number} total
   */
  value(field, value, count, total) {
    const item = element("li", field === "level" ? `level-${value}` : "");
    const share = element("span", "share");
    share.style.inlineSize = `${total ? (100 * count) / total : 0}%`;
    const shown = printable(value);
    const add = button("", "add", () => this.onTerm(field, value, false), `Only lines with ${field}=${shown}: ${number(count)}`);
    add.append(element("span", "name", shown || "(empty)"), element("span", "count", number(count)));
    item.append(share, add, button("−", "exclude", () => this.onTerm(field, value, true), `No lines with ${field}=${shown}`));
    return item;
  }
}
