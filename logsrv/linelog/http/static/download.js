/** The dialog for a download: as JSON lines, CSV or text, newest or oldest first, with the number of lines. */

import { address, zoneAsked } from "./api.js";
import { writtenColumns } from "./columns.js";
import { byId } from "./dom.js";
import { asLines, kindOf, limitOf, orderOf } from "./stages.js";
import { counted, number, recordsAndLines } from "./times.js";

/** The largest number of lines in a download: the API's limits, for lines in the order of the store, and sorted. */
export const bound = { lines: 100_000, sorted: 10_000 };
const ENDINGS = { json: "jsonl", csv: "csv", text: "txt" };

export class Download {
  constructor() {
    this.dialog = /** @type {HTMLDialogElement} */ (byId("downloads"));
    this.link = /** @type {HTMLAnchorElement} */ (byId("download"));
    this.format = /** @type {HTMLSelectElement} */ (byId("download-format"));
    this.order = /** @type {HTMLSelectElement} */ (byId("download-order"));
    this.question = { q: "", since: "", until: "" };
    this.lines = Infinity;
    this.columns = "";
    /** The format that the reader has chosen; "" while none is. */
    this.chosen = "";
    this.format.addEventListener("change", () => (this.chosen = this.format.value));
    for (const menu of [this.format, this.order]) menu.addEventListener("change", () => this.show());
    /** @type {() => {records: number, lines: number} | null} what is in the page, if that is all of the answer */
    this.listed = () => null;
    byId("download-button").addEventListener("click", () => {
      this.format.value = this.chosen || (this.columns || kindOf(this.question.q) === "table" ? "csv" : "json");
      this.show();
      this.dialog.showModal();
    });
    this.link.addEventListener("click", () => this.dialog.close());
  }

  /** @param {{q: string, since: string, until: string}} question */
  set(question) {
    this.question = question;
    this.show();
  }

  /**
   * @param {string[]} columns chosen columns, before the message
   * @param {boolean} message whether that is one of them
   */
  setColumns(columns, message) {
    this.columns = columns.length ? writtenColumns(columns, message) : "";
    this.show();
  }

  /** @param {number} lines the number of matching lines; Infinity while unknown */
  offer(lines) {
    this.lines = lines;
    this.show();
  }

  /** True if the lines of whole records are downloaded, as they are shown: a query is asked of records. */
  get isOfRecords() {
    return ["lines", "limit"].includes(kindOf(this.question.q)) && asLines(this.question.q) !== "";
  }

  show() {
    const kind = kindOf(this.question.q);
    const isOrdered = kind === "ordered" || kind === "table";
    this.order.disabled = isOrdered;
    const format = /** @type {"json" | "csv" | "text"} */ (this.format.value);
    const most = kind === "ordered" ? bound.sorted : bound.lines;
    const order = isOrdered ? {} : this.order.value === "reverse" ? { reverse: 1 } : { newest: 1 };
    const path = kind === "table" ? "/api/table" : "/api/search";
    const join = this.isOfRecords ? 1 : "";
    this.link.href = address(path, { ...this.question, limit: most, join, ...order, tz: kind === "table" ? zoneAsked() : "", format: format === "json" ? "" : format, columns: format === "csv" && kind !== "table" ? this.columns : "" });
    const part = kind === "lines" && this.lines > most;
    const name = kind === "table" ? "logsrv-table" : part ? `logsrv-newest-${most}` : "logsrv";
    this.link.download = `${name}.${kind === "table" && format === "json" ? "json" : ENDINGS[format]}`;
    byId("download-number").textContent = this.sentence(kind, part, most);
  }

  /**
   * @param {import("./stages.js").Kind} kind
   * @param {boolean} part
   * @param {number} most
   */
  sentence(kind, part, most) {
    if (kind === "table") return "The rows of the table";
    const limit = limitOf(this.question.q);
    if (!Number.isFinite(this.lines)) return `Their number is not known yet; at most ${counted(Math.min(most, limit), "line")}`;
    if (part) return `Of these ${number(this.lines)} lines the newest ${number(most)}. All of them: logsrv search --output json`;
    const lines = counted(Math.min(this.lines, most, limit), "line");
    const listed = this.isOfRecords && this.listed();
    if (listed && listed.lines <= most) return recordsAndLines(listed);
    if (this.isOfRecords && limit === Infinity) return `${counted(this.lines, "line matches", "lines match")}; with the other lines of their records`;
    const { lack } = orderOf(this.question.q);
    return lack ? `${lines}, without those that have no ${lack}` : lines;
  }
}
