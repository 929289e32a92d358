/** An opened line: its whole message and its fields. A click on a value narrows the query down. */

import { url } from "./address.js";
import { get } from "./api.js";
import { button, cell, copy, element } from "./dom.js";
import { isField } from "./field_names.js";
import { idsOf } from "./ids.js";
import { say } from "./notice.js";
import { fieldName } from "./query.js";
import { textsOf } from "./row.js";
import { select } from "./selection.js";
import { printable, unfolded } from "./text.js";

/** @typedef {import("./api.js").Line} Line */

export class Details {
  /**
   * @param {import("./lines.js").Lines} lines
   * @param {{term: (field: string, value: string, exclude: boolean, position: string) => void, only: (field: string, value: string) => void, everywhere: (id: string) => void, top: (field: string) => void, column: (field: string) => void,
   *   neighbours: (line: Line) => void, around: (line: Line) => void, query: () => string,
   *   stateOf: (line: Line) => {position: string, columns: string}}} actions
   */
  constructor(lines, actions) {
    this.lines = lines;
    this.actions = actions;
  }

  /** @param {HTMLElement} row */
  toggle(row) {
    if (row.classList.contains("open")) this.close(row);
    else this.open(row);
  }

  /** @param {HTMLElement} row */
  close(row) {
    row.classList.remove("open");
    row.setAttribute("aria-expanded", "false");
    // A button in the details may have the focus, which would be lost with it.
    if (row.contains(document.activeElement)) select(this.lines, row);
    row.querySelector(".details")?.remove();
    this.lines.whole.delete(row);
    this.lines.show(row);
  }

  /** @param {HTMLElement} row */
  open(row) {
    const line = this.lines.data.get(row);
    if (!line) return;
    row.classList.add("open");
    row.setAttribute("aria-expanded", "true");
    this.lines.show(row);
    const record = this.lines.record(row);
    const shown = record[0].position === line.position ? record[0] : line;
    row.append(cell("div", "details", this.tools(shown), this.fields(shown)));
    row.scrollIntoView({ block: "nearest" });
    if (record.length < 2) this.completeRecord(row, line).catch(() => {});
  }

  /**
   * Show the other lines of an opened line's record, which are not in the page.
   * @param {HTMLElement} row
   * @param {Line} line
   */
  async completeRecord(row, { position }) {
    const { lines } = await get("/api/record", { position });
    if (lines.length < 2 || !row.classList.contains("open")) return;
    this.lines.whole.set(row, lines);
    this.lines.show(row);
  }

  /** @param {Line} line */
  tools(line) {
    const state = this.actions.stateOf(line);
    const link = () => new URL(url({ q: this.actions.query(), ...state }), location.href).href;
    const permalink = /** @type {HTMLAnchorElement} */ (element("a", "position", state.position));
    permalink.href = url({ q: this.actions.query(), ...state });
    permalink.title = "Link to this line";
    return element(
      "div",
      "tools",
      button("Copy line", "small", () => this.copyLine(line), "Copy line (y)"),
      button("Copy JSON", "small", () => this.copied(JSON.stringify(line, null, 2), "JSON")),
      button("Copy link", "small", () => this.copied(link(), "Link")),
      button("Neighbours", "small", () => this.actions.neighbours(line), "Show the lines around this one"),
      button("±5 s", "small", () => this.actions.around(line), "±5 s: all lines of 5 seconds before and after, from all sources, without the filter"),
      permalink,
    );
  }

  /**
   * @param {string} text
   * @param {string} what
   */
  async copied(text, what) {
    say((await copy(text)) ? `${what} copied.` : "The browser does not allow copying here.");
  }

  /** @param {Line} line */
  copyLine(line) {
    const row = this.lines.rows.get(line.position);
    const record = row ? this.lines.record(row) : [line];
    return this.copied(`${record[0].time} ${line.source} ${textsOf(record).join("\n")}`, record[1] ? "Record" : "Line");
  }

  /** @param {Line} line */
  fields(line) {
    const table = element("dl", "fields");
    // First: by keyboard there may be a hundred buttons behind them.
    const ids = idsOf(line);
    if (ids.length) table.append(element("dt", "", "same id"), element("dd", "", ...ids.map((id) => this.id(id))));
    /** @type {[string, string, unknown][]} */
    const all = [
      ["time", "", line.time],
      ["source", "source", line.source],
      ["level", "level", line.level],
      ["app", "app", line.app],
      ...Object.entries(line.fields).map(([name, value]) => /** @type {[string, string, unknown]} */ ([fieldName(name), fieldName(name), value])),
    ];
    for (const [name, field, value] of all) {
      if (value === null || value === undefined) continue;
      const values = Array.isArray(value) ? value : [value];
      const shown = values.map((one) => this.value(name, field, typeof one === "string" ? one : JSON.stringify(one), line.position));
      table.append(this.name(name, field), element("dd", "", ...shown));
    }
    return table;
  }

  /** @param {string} id */
  id(id) {
    const text = printable(id);
    return element("span", "value", button(text, "add link", () => this.actions.everywhere(id), `All lines with ${text}, of all sources, without the filter`));
  }

  /**
   * @param {string} name
   * @param {string} field
   */
  name(name, field) {
    const term = element("dt");
    if (field && isField(field)) term.append(button(printable(name), "link", () => this.actions.top(field), `Top values of ${printable(name)}`));
    else term.textContent = printable(name);
    if (isField(name) && name !== "servers") term.append(button("", "column", () => this.actions.column(name), `Column ${name}`));
    return term;
  }

  /**
   * @param {string} name
   * @param {string} field as in a query, "" if none asks for it
   * @param {string} value
   * @param {string} position of the line
   */
  value(name, field, value, position) {
    const shown = printable(value);
    const text = unfolded(value).split("\n").map(printable).join("\n");
    const copier = button("", "copy", () => this.copied(value, `The value of ${printable(name)} is`), `Copy the value of ${printable(name)}`);
    // Buttons only if a query can ask for it: the name fits the grammar, and the value the search box.
    if (!field || !isField(field) || value.length > 500 || shown !== value) return element("span", "value", element("span", "", text), copier);
    const said = shown.length > 60 ? `${shown.slice(0, 59)}…` : shown;
    return element(
      "span",
      "value",
      button(text, "add", () => this.actions.term(field, value, false, position), `Only lines with ${field}=${said}`),
      button("=", "exclude only", () => this.actions.only(field, value), `Nothing but ${field}=${said}, without the rest of the filter`),
      button("−", "exclude", () => this.actions.term(field, value, true, position), `No lines with ${field}=${said}`),
      copier,
    );
  }
}
