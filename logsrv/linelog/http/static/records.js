/**
 * Records of several lines, such as stack traces: the server tells which lines go on with an earlier one. The first line
 * of a record in the page shows it in its row; the rows of the others are hidden.
 */

import { compare } from "./position.js";
import { mark } from "./selection.js";

/** @typedef {import("./api.js").Line} Line */
/** @typedef {{first: string, rows: HTMLElement[]}} Group position of the record's first line; rows of its lines in the page, in order */

/**
 * Join the parts of each line that a container's runtime cut. The last part has the whole line, with its fields.
 * @param {Line[]} record
 * @returns {Line[]}
 */
export function wholeLines(record) {
  /** @type {Line[]} */
  const found = [];
  for (const line of record) {
    const begun = found.at(-1);
    if (line.whole) found.splice(-1, 1, { ...(begun ?? line), app: undefined, ...line.whole });
    else if (begun && line.rest !== undefined) {
      const fields = { ...begun.fields, text: `${begun.fields.text ?? ""}${line.rest}` };
      found.splice(-1, 1, { ...begun, fields, message: begun.message + line.rest });
    } else found.push(line);
  }
  return found;
}

export class Records {
  /** @param {import("./lines.js").Lines} lines */
  constructor(lines) {
    this.lines = lines;
    /** @type {Map<string, Group>} records that further lines may belong to */
    this.known = new Map();
    /** @type {WeakMap<Element, Group>} */
    this.of = new WeakMap();
    /** @type {Set<Group>} */
    this.changed = new Set();
    this.gap = "";
  }

  /**
   * Let no record go on after a gap: some of its lines may be missing.
   * @param {string} [position] of the last line before the gap
   */
  end(position = "") {
    this.known.clear();
    this.gap = position;
  }

  /**
   * @param {HTMLElement} row
   * @param {Line} line
   */
  add(row, line) {
    const { position, continues: first = position } = line;
    let group = this.known.get(first);
    if (!group) {
      if (first === position) return;
      const begun = this.lines.rows.get(first);
      const isWhole = compare(first, this.gap) > 0 || compare(position, this.gap) <= 0;
      group = { first, rows: begun && isWhole ? [begun] : [] };
      this.known.set(first, group);
      if (begun && isWhole) this.of.set(begun, group);
    }
    const { rows } = group;
    let at = rows.length;
    while (at && compare(rows[at - 1].dataset.position ?? "", position) > 0) at -= 1;
    rows.splice(at, 0, row);
    this.of.set(row, group);
    this.changed.add(group);
    row.classList.toggle("part", at > 0);
  }

  /** @param {Element} row */
  remove(row) {
    const group = this.of.get(row);
    if (!group) return;
    group.rows = group.rows.filter((one) => one !== row);
    this.changed.add(group);
  }

  /** Show records again to which lines were added, or from which some were cut. */
  draw() {
    for (const group of this.changed) {
      const [head, ...others] = group.rows;
      if (!head && this.known.get(group.first) === group) this.known.delete(group.first);
      if (!head) continue;
      head.classList.remove("part");
      for (const row of others) {
        row.classList.add("part");
        if (row.classList.contains("unfolded")) head.classList.add("unfolded");
        row.classList.remove("unfolded", "open");
        if (row === this.lines.selected) mark(this.lines, head);
      }
      this.lines.show(head);
    }
    this.changed.clear();
  }

  /**
   * Return the row that shows the record of a line.
   * @param {HTMLElement} row
   */
  head(row) {
    return this.of.get(row)?.rows[0] ?? row;
  }

  /**
   * Return the positions of the first and the last line of a row's record in the page.
   * @param {Element} row
   */
  firstOf(row) {
    return (this.of.get(row)?.rows[0] ?? /** @type {HTMLElement} */ (row)).dataset.position ?? "";
  }

  /** @param {Element} row */
  lastOf(row) {
    return (this.of.get(row)?.rows.at(-1) ?? /** @type {HTMLElement} */ (row)).dataset.position ?? "";
  }

  /**
   * Return the lines of a row's record after its own.
   * @param {HTMLElement} row
   */
  further(row) {
    const [head, ...others] = this.of.get(row)?.rows ?? [];
    return head === row ? others.map((one) => /** @type {Line} */ (this.lines.data.get(one))) : [];
  }
}
