/** The download: a link that gives the file at once, in the likely form, and beside it the dialog for another form or order. */

import { address, zoneAsked } from "./api.js";
import { writtenColumns } from "./columns.js";
import { byId } from "./dom.js";
import { asLines, kindOf, limitOf, orderOf } from "./stages.js";
import { keep, kept } from "./storage.js";
import { counted, number, recordsAndLines } from "./times.js";

/** The largest number of lines in a download: the API's limits, for lines in the order of the store, and sorted. */
export const bound = { lines: 100_000, sorted: 10_000 };
const ENDINGS = { json: "jsonl", csv: "csv", text: "txt" };
const NAMES = { json: "JSON", csv: "CSV", text: "text" };
/** The form that the reader has chosen last, of lines and of tables. */
const CHOSEN = "logsrv-download-";

export class Download {
  constructor() {
    this.dialog = /** @type {HTMLDialogElement} */ (byId("downloads"));
    this.link = /** @type {HTMLAnchorElement} */ (byId("download"));
    this.format = /** @type {HTMLSelectElement} */ (byId("download-format"));
    this.order = /** @type {HTMLSelectElement} */ (byId("download-order"));
    this.question = { q: "", since: "", until: "" };
    this.lines = Infinity;
    this.columns = "";
    this.now = /** @type {HTMLAnchorElement} */ (byId("download-now"));
    this.format.addEventListener("change", () => keep(CHOSEN + this.kept, this.format.value));
    for (const menu of [this.format, this.order]) menu.addEventListener("change", () => this.show());
    /** @type {() => {records: number, lines: number} | null} what is in the page, if that is all of the answer */
    this.listed = () => null;
    byId("download-button").addEventListener("click", () => {
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

  /** What is remembered apart: rows of a table, or lines. */
  get kept() {
    return kindOf(this.question.q) === "table" ? "table" : "lines";
  }

  /** The form in which a reader is likely to want it. */
  get likely() {
    const chosen = kept(CHOSEN + this.kept) ?? "";
    return Object.hasOwn(ENDINGS, chosen) ? chosen : this.columns || this.kept === "table" ? "csv" : "json";
  }

  show() {
    if (!this.dialog.open) this.format.value = this.likely;
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
    const said = this.sentence(kind, part, most);
    byId("download-number").textContent = said;
    [this.now.href, this.now.download, this.now.title] = [this.link.href, this.link.download, said];
    byId("download-as").textContent = NAMES[format];
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
