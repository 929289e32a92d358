/** The panel of fields: their names, and the most frequent values of opened fields. */

import { get } from "./api.js";
import { button, byId, element, shareBar } from "./dom.js";
import { isField, writtenField } from "./field_names.js";
import { Panel } from "./panel.js";
import { printable } from "./text.js";
import { clock, counted, number } from "./times.js";

/** Fields that come first, the last ones only if lines have them. */
const FIRST = ["level", "app", "name", "host"];
const ALWAYS = 2;
/** Further fields: those that are shown, and those among which the filter looks. */
const SHOWN = 40;
const MOST = 300;
/** The largest number of lines in which the server looks for fields. */
const SAMPLE = 5000;
/** Milliseconds after which values are requested again. They have the same scope as the bars. */
const EVERY = 10_000;
export class Fields {
  /**
   * @param {{term: (field: string, value: string, exclude: boolean) => void, only: (field: string, value: string) => void, column: (field: string) => void, overTime: (field: string) => void,
   *   names: (names: string[]) => void, work: () => void}} told
   *   overTime: gets a field whose values are to be shown over time. names: gets the names of all fields, as soon as they are known.
   *   work: called when a request begins or ends.
   */
  constructor(told) {
    this.told = told;
    /** @type {string[]} */
    this.columns = [];
    this.panel = new Panel("fields", () => this.load(), told.work);
    this.list = byId("field-list");
    this.note = byId("field-note");
    this.filter = /** @type {HTMLInputElement} */ (byId("field-filter"));
    this.filter.addEventListener("input", () => this.sift());
    /** @type {Set<string>} */
    this.opened = new Set(["level"]);
    /** @type {{q: string, since: string, until: string} | null} null until the first query */
    this.range = null;
    this.stale = true;
    /** The number of matching lines; null while unknown. @type {number | null} */
    this.total = null;
  }

  /** @param {number} lines the number of matching lines */
  setTotal(lines) {
    this.total = lines;
    for (const item of /** @type {NodeListOf<HTMLElement>} */ (this.list.querySelectorAll("[data-lacks]"))) item.textContent = this.lacks(item.dataset.lacks ?? "");
  }

  /**
   * Return the sentence for a field that no line has.
   * @param {string} field
   */
  lacks(field) {
    if (!this.total) return `No line here has a field ${field}`;
    return `${counted(this.total, "line matches", "lines match")}, none has ${field}`;
  }

  /** @param {{q: string, since: string, until: string}} range */
  set(range) {
    this.panel.stop();
    this.range = range;
    this.stale = true;
    this.total = null;
    this.panel.refusals = 0;
    if (this.panel.shown) this.load();
  }

  /** @param {string} field */
  reveal(field) {
    this.opened.add(field);
    this.panel.toggle(true);
    this.load(field);
  }

  /** @param {string} [focus] a field to scroll into view */
  async load(focus) {
    const { range, panel } = this;
    if (!range) return;
    panel.pending = this.stale;
    if (this.stale) panel.dim();
    const opened = [...this.opened];
    for (const field of opened) this.showCounting(field);
    const isDone = await panel.ask(
      (signal) => Promise.all([get("/api/fields", range, signal), ...opened.map((field) => this.values(field, signal))]),
      ([{ fields, sampled }, ...tops]) => {
        this.show(fields, sampled, new Map(opened.map((field, index) => [field, tops[index]])));
        this.stale = false;
        if (focus) this.summary(focus)?.parentElement?.scrollIntoView({ block: "nearest" });
      },
      (sentence) => (this.note.textContent = sentence),
    );
    if (isDone) panel.timer = setTimeout(() => this.again(), panel.pause(EVERY, 10));
  }

  /** Ask again if the answer can change, unless the user is just using the panel. */
  again() {
    const { panel } = this;
    clearTimeout(panel.timer);
    if (!panel.shown || (this.range?.until && !this.stale)) return;
    if (!document.hidden && !panel.part.matches(":hover, :focus-within")) this.load();
    else panel.timer = setTimeout(() => this.again(), EVERY);
  }

  /**
   * @param {{name: string, lines: number}[]} fields
   * @param {number} sampled
   * @param {Map<string, HTMLElement[]>} lists the values of opened fields
   */
  show(fields, sampled, lists) {
    const known = new Map(fields.map((one) => [one.name, share(one.lines, sampled)]));
    const names = new Set([...FIRST.filter((name, at) => at < ALWAYS || known.has(name)), ...this.opened]);
    const found = fields.map((one) => one.name).filter((name) => !names.has(name)).slice(0, MOST);
    const { scrollTop } = this.panel.part;
    const entries = [...names, ...found].filter(isField);
    this.told.names(entries.slice(0, names.size + SHOWN));
    const at = document.activeElement?.closest("#field-list .field");
    this.list.replaceChildren(...entries.map((name) => this.entry(name, known.get(name) ?? "", lists.get(name))));
    this.markColumns(this.columns);
    this.sift();
    if (at instanceof HTMLElement) this.summary(at.dataset.field ?? "")?.focus();
    this.panel.part.scrollTop = scrollTop;
    const matching = this.range?.q ? (sampled === 1 ? " that matches" : " that match") : "";
    const lines = `${counted(sampled, "line")}${matching}`;
    const of = sampled < SAMPLE ? `all ${lines}` : `the newest ${lines}; values of all`;
    this.note.textContent = `Fields of ${of}, at ${clock(new Date())}`;
  }

  /** Show only fields whose names contain what is typed. */
  sift() {
    const typed = this.filter.value.trim().toLowerCase();
    for (const [at, entry] of /** @type {HTMLElement[]} */ ([...this.list.children]).entries()) {
      const { field = "" } = /** @type {HTMLElement} */ (entry.firstElementChild).dataset;
      entry.hidden = typed ? !field.toLowerCase().includes(typed) : at >= FIRST.length + SHOWN;
    }
    const none = this.list.childElementCount && !this.list.querySelector(".field-entry:not([hidden])");
    byId("field-none").textContent = none ? `No field has ${printable(typed)} in its name.` : "";
  }

  /**
   * Show which fields are columns.
   * @param {string[]} columns
   */
  markColumns(columns) {
    this.columns = columns;
    for (const one of this.list.querySelectorAll("button.column")) {
      const { field = "" } = /** @type {HTMLElement} */ (one).dataset;
      one.setAttribute("aria-pressed", String(columns.includes(field)));
    }
  }

  /**
   * @param {string} name
   * @returns {HTMLElement | null} the head of a field
   */
  summary(name) {
    return this.list.querySelector(`.field[data-field="${CSS.escape(name)}"] summary`);
  }

  /**
   * @param {string} name
   * @param {string} lines the number, or the percentage, of lines that have it
   * @param {HTMLElement[] | undefined} list its values, if they are known
   */
  entry(name, lines, list) {
    const summary = element("summary", "", element("span", "name", printable(name)), element("span", "count", lines));
    const tools = element("p", "field-tools", button("Over time", "link", () => this.told.overTime(name), `Over time: bars by ${name}`));
    const values = element("ul", "", ...(list ?? []));
    const entry = /** @type {HTMLDetailsElement} */ (element("details", "field", summary, tools, values));
    entry.dataset.field = name;
    entry.open = this.opened.has(name);
    entry.addEventListener("toggle", async () => {
      if (entry.open) this.opened.add(name);
      else this.opened.delete(name);
      if (!entry.open || values.childElementCount) return;
      this.showCounting(name);
      values.replaceChildren(...(await this.values(name, this.panel.abort.signal)));
    });
    const column = button("", "column", () => this.told.column(name), `Column ${name}`);
    column.dataset.field = name;
    return element("div", "field-entry", entry, column);
  }

  /**
   * Say that a field is being counted, unless earlier values are shown.
   * @param {string} field
   */
  showCounting(field) {
    const values = this.summary(field)?.parentElement?.querySelector("ul");
    if (values && !values.childElementCount) values.replaceChildren(element("li", "empty", "Counting …"));
  }

  /**
   * @param {string} field
   * @param {AbortSignal} signal
   * @returns {Promise<HTMLElement[]>} its most frequent values
   */
  async values(field, signal) {
    try {
      const { values, total, missed } = await get("/api/top", { ...this.range, field: writtenField(field) }, signal);
      if (!values.length) {
        const item = element("li", "empty", this.lacks(field));
        item.dataset.lacks = field;
        return [item];
      }
      const items = values.map((one) => this.value(field, String(one.value), one.count, total));
      if (missed) items.push(element("li", "empty", `So many values that each may have ${counted(missed, "line")} more`));
      return items;
    } catch (error) {
      return signal.aborted ? [] : [element("li", "empty", /** @type {Error} */ (error).message)];
    }
  }

  /**
   * @param {string} field
   * @param {string} value
   * @param {number} count
   * @param {number} total
   */
  value(field, value, count, total) {
    const shown = printable(value);
    const add = button("", "add", () => this.told.term(field, value, false), `Only lines with ${field}=${shown || "(empty)"}: ${number(count)}`);
    add.append(element("span", "name", shown || "(empty)"), " ", element("span", "count", number(count)));
    const exclude = button("−", "exclude", () => this.told.term(field, value, true), `No lines with ${field}=${shown}`);
    const only = button("=", "exclude only", () => this.told.only(field, value), `Nothing but ${field}=${shown}, without the rest of the filter`);
    return element("li", field === "level" ? `level-${value}` : "", shareBar(total && count / total), add, only, exclude);
  }
}

/**
 * Return how many lines have a field: their number if the server read all lines, otherwise a percentage.
 * @param {number} lines
 * @param {number} sampled
 */
export function share(lines, sampled) {
  if (sampled < SAMPLE) return number(lines);
  // Never "0 %" if there are some, and never "100 %" if some are missing.
  const part = Math.round((100 * lines) / sampled);
  if (!part && lines) return "< 1 %";
  return part === 100 && lines < sampled ? "> 99 %" : `${part} %`;
}
