/** Completion under the search box: fields, values of a field, and earlier queries. */

import { address, get } from "./api.js";
import { byId, element } from "./dom.js";
import { isField, writtenField } from "./field_names.js";
import { share } from "./fields.js";
import { LEVELS } from "./levels.js";
import { fieldName, quoted } from "./query.js";
import { extractedNames, figuresBefore, pieceOfQuery } from "./stages.js";
import { keep, keptList } from "./storage.js";
import { printable } from "./text.js";
import { number } from "./times.js";

/** @typedef {{text: string, note: string, insert: string, start: number, end: number, more: boolean}} Offer */

const MOST = 8;
const RECENT = "logsrv-queries";
const ALWAYS = ["level", "app", "source", "name", "host", "message", "time"];
const AGE = 20_000;
/** Values of a field that are loaded; those that match the typed text are offered. */
const VALUES = 500;
/** Figures of numbers: for these, fields that have some come first. */
const OF_NUMBERS = /^(?:sum|avg|min|max|p\d+)$/;
/** Lines whose fields are looked at for numbers. */
const READ = 200;
const OPERATOR = /^(!=|<=|>=|=|<|>|~|:)/;

export class Completion {
  /**
   * @param {{input: HTMLInputElement | HTMLTextAreaElement, readonly value: string}} box
   * @param {() => import("./scope.js").Scope} scope returns the scope whose counts are shown
   * @param {Pick<import("./lines.js").Lines, "rows" | "data">} lines the lines of the page tell which fields have numbers
   * @param {((words: string[]) => string[]) | null} [wordsOfAlert] makes words of a query those of an alert; null for a query
   */
  constructor(box, scope, lines, wordsOfAlert = null) {
    this.box = box;
    this.wordsOfAlert = wordsOfAlert;
    this.scope = scope;
    this.lines = lines;
    /** Fields that had numbers in the lines last shown. @type {Set<string>} */
    this.numbers = new Set();
    this.list = byId("completions");
    /** @type {Offer[]} */
    this.offers = [];
    this.chosen = -1;
    this.number = 0;
    /** Answers by their addresses, so each is of the type of its path. @type {Map<string, {when: number, answer: Promise<any>}>} */
    this.answers = new Map();
    /** Of the request under way: nobody wants its answer after the next one. */
    this.abort = new AbortController();
    const { input } = box;
    input.addEventListener("input", () => this.update());
    input.addEventListener("click", () => this.update());
    input.addEventListener("blur", () => this.close());
    input.addEventListener("keydown", (event) => this.key(/** @type {KeyboardEvent} */ (event)));
    // Earlier queries are offered for queries: an alert is none.
    if (!wordsOfAlert) for (const [target, event] of /** @type {const} */ ([[input, "change"], [input.form, "submit"]])) target?.addEventListener(event, () => remember(box.value));
    this.list.addEventListener("pointerdown", (event) => event.preventDefault());
  }

  get open() {
    return !this.list.hidden;
  }

  async update() {
    this.number += 1;
    const turn = this.number;
    const { input } = this.box;
    const cursor = input.selectionStart ?? input.value.length;
    const offers = await this.offersAt(input.value, cursor).catch(() => []);
    if (turn === this.number && document.activeElement === input) this.show(offers);
  }

  /**
   * @param {string} query
   * @param {number} cursor
   * @returns {Promise<Offer[]>}
   */
  async offersAt(query, cursor) {
    if (!query) return this.wordsOfAlert ? [] : recent().map((text) => ({ text, note: "recent", insert: text, start: 0, end: 0, more: false }));
    const piece = pieceOfQuery(query, cursor);
    if (!piece || (piece.kind === "field" && !piece.typed)) return [];
    const typed = piece.typed.toLowerCase();
    const { start, end } = piece;
    if (piece.kind === "word") {
      const words = (this.wordsOfAlert?.(piece.words) ?? piece.words).filter((word) => word !== typed);
      return matching(words, typed, (word) => word).map((text) => ({ text, note: "", insert: `${text} `, start, end, more: true }));
    }
    if (piece.kind === "figure") {
      const space = /^\s/.test(query.slice(end)) ? "" : " ";
      return matching(figuresBefore(query, start).filter((name) => isField(name) && name !== piece.typed), typed, (name) => name)
        .map((name) => ({ text: name, note: "figure", insert: writtenField(name) + space, start, end, more: true }));
    }
    if (piece.kind !== "value") {
      const { fields, sampled } = await this.ask("/api/fields", {});
      const known = fields.map((one) => ({ text: one.name, note: `in ${share(one.lines, sampled)} of the lines` }));
      const always = ALWAYS.filter((name) => !known.some((one) => one.text === name));
      const parts = extractedNames(query).map((text) => ({ text, note: "extracted" }));
      const others = always.map((text) => ({ text, note: text === "app" ? "the program" : "always there" }));
      const named = piece.kind === "name" || OPERATOR.test(query.slice(end));
      const all = [...parts, ...known, ...others].filter((one) => isField(one.text) && !(named && one.text === piece.typed));
      const numbers = piece.kind === "name" && OF_NUMBERS.test(piece.behind) ? this.numberFields() : new Set();
      const first = all.filter((one) => numbers.has(one.text)).map((one) => ({ ...one, note: "numbers" }));
      return matching([...first, ...all.filter((one) => !numbers.has(one.text))], typed, (one) => one.text)
        .map((one) => ({ ...one, insert: writtenField(one.text) + (named ? "" : "="), start, end, more: !named }));
    }
    const found = (await this.ask("/api/top", { field: writtenField(piece.field), limit: VALUES })).values;
    /** @type {{value: string, count: number | null}[]} */
    const values = found.map((one) => ({ value: String(one.value), count: one.count }));
    if (piece.field === "level") for (const value of LEVELS) if (!values.some((one) => one.value === value)) values.push({ value, count: null });
    const space = /^\s/.test(query.slice(end)) ? "" : " ";
    return matching(values.filter((one) => one.value.toLowerCase() !== typed), typed, (one) => one.value)
      .map((one) => ({ text: one.value, note: one.count === null ? "" : number(one.count), insert: quoted(one.value) + space, start, end, more: false }));
  }

  /** Return the fields that are numbers in the lines of the page, or in those before figures were shown. */
  numberFields() {
    const found = new Set();
    for (const row of [...this.lines.rows.values()].slice(-READ)) {
      for (const [name, value] of Object.entries(this.lines.data.get(row)?.fields ?? {})) if (isNumeric(value)) found.add(fieldName(name));
    }
    if (found.size) this.numbers = found;
    return this.numbers;
  }

  /**
   * @template {"/api/fields" | "/api/top"} Path
   * @param {Path} path
   * @param {Record<string, string | number>} parameters
   * @returns {Promise<import("../answers.js").Answers[Path]>}
   */
  ask(path, parameters) {
    const asked = { ...parameters, ...this.scope() };
    const key = address(path, asked);
    const known = this.answers.get(key);
    if (known && Date.now() - known.when < AGE) return known.answer;
    this.abort.abort();
    this.abort = new AbortController();
    const answer = get(path, asked, this.abort.signal);
    this.answers.set(key, { when: Date.now(), answer });
    answer.catch(() => this.answers.delete(key));
    return answer;
  }

  /** @param {Offer[]} offers */
  show(offers) {
    this.offers = offers;
    this.chosen = -1;
    this.box.input.removeAttribute("aria-activedescendant");
    this.list.hidden = offers.length === 0;
    this.list.replaceChildren(
      ...offers.map((offer, index) => {
        const item = element("li", "", element("span", "", printable(offer.text)), element("span", "note", offer.note));
        item.id = `completion-${index}`;
        item.setAttribute("role", "option");
        item.setAttribute("aria-selected", "false");
        item.addEventListener("click", () => this.take(offer));
        return item;
      }),
    );
    byId("completion-status").textContent = offers.length ? `${offers.length} suggestions` : "";
  }

  close() {
    this.abort.abort();
    this.number += 1;
    this.show([]);
  }

  /** @param {Offer} offer */
  take(offer) {
    const { input } = this.box;
    input.setRangeText(offer.insert, offer.start, offer.end, "end");
    this.close();
    input.dispatchEvent(new Event("input", { bubbles: true }));
    if (offer.more) this.update();
    else this.close();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    // Suggestions that arrive after Enter would cover the answer.
    if (event.key === "Enter" && !this.open) this.close();
    if (!this.open || event.isComposing) return;
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (move) {
      const count = this.offers.length;
      this.choose(this.chosen < 0 && move < 0 ? count - 1 : (this.chosen + move + count) % count);
    } else if (event.key === "Escape") this.close();
    else if ((event.key === "Enter" || event.key === "Tab") && this.chosen >= 0) this.take(this.offers[this.chosen]);
    else if (event.key === "Tab" && !event.shiftKey) this.take(this.offers[0]);
    else {
      if (event.key === "Enter") this.close();
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {number} index */
  choose(index) {
    this.list.children[this.chosen]?.setAttribute("aria-selected", "false");
    this.chosen = index;
    const item = this.list.children[index];
    item.setAttribute("aria-selected", "true");
    item.scrollIntoView({ block: "nearest" });
    this.box.input.setAttribute("aria-activedescendant", item.id);
  }
}

/**
 * Return the entries that contain the typed text; first those that begin with it.
 * @template T
 * @param {T[]} all
 * @param {string} typed
 * @param {(one: T) => string} text
 */
function matching(all, typed, text) {
  const at = (/** @type {T} */ one) => text(one).toLowerCase().indexOf(typed);
  return all.filter((one) => at(one) >= 0).sort((a, b) => Number(at(a) > 0) - Number(at(b) > 0)).slice(0, MOST);
}

/** @param {unknown} value */
const isNumeric = (value) => typeof value === "number" || (typeof value === "string" && /^-?\d+(\.\d+)?$/.test(value));

/** @returns {string[]} */
const recent = () => keptList(RECENT).filter((one) => typeof one === "string").slice(0, MOST);

/** @param {string} query */
function remember(query) {
  const text = query.trim();
  if (!text) return;
  keep(RECENT, JSON.stringify([text, ...recent().filter((one) => one !== text)].slice(0, MOST)));
}
