/** The dialog of saved searches: those of this browser, and those that the server keeps for all readers. */

import { write } from "./address.js";
import { address, saved } from "./api.js";
import { button, byId, element, option } from "./dom.js";
import { say } from "./notice.js";
import { keep, kept, keptList } from "./storage.js";
import { printable } from "./text.js";
import { EXACT, relativeDay } from "./times.js";
import { changeBoard, withSearch } from "./to_board.js";

/** @typedef {Partial<import("./address.js").PageState>} Parts of a state of the page, which are saved */
/** @typedef {Parts & {name: string, error?: string}} Search error: the reason why its query is wrong */

const KEY = "logsrv-saved";
const MOST = 100;
const LONGEST_NAME = 200;
/** The parts of a state that are saved. */
const PARTS = /** @type {const} */ (["q", "since", "until", "last", "columns", "by"]);

export class Saved {
  /**
   * @param {() => import("./address.js").PageState} shown returns the shown state
   * @param {() => void} onChoose called when the address has that of a chosen search
   */
  constructor(shown, onChoose) {
    this.shown = shown;
    this.onChoose = onChoose;
    this.dialog = /** @type {HTMLDialogElement} */ (byId("saved"));
    this.form = /** @type {HTMLFormElement} */ (byId("saved-form"));
    this.name = /** @type {HTMLInputElement} */ (byId("saved-name"));
    this.where = /** @type {HTMLSelectElement} */ (byId("saved-where"));
    /** The board to which a search is added, too. */
    this.board = /** @type {HTMLInputElement} */ (byId("saved-board"));
    this.link = /** @type {HTMLAnchorElement} */ (byId("boards-link"));
    this.list = byId("saved-list");
    this.note = byId("saved-note");
    /** @type {Parts} */
    this.parts = {};
    /** @type {Search[]} those of the server */
    this.shared = [];
    /** Whether this reader may change those. */
    this.mayChange = false;
    this.form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const [name, board] = [this.name.value.trim(), this.board.value.trim()];
      if (!name || !(await this.save({ ...this.parts, name }, this.where.value === "server"))) return;
      if (board && !(await this.attempt(() => changeBoard(board, (all) => withSearch(all, name, this.parts.q ?? ""))))) return;
      this.dialog.close();
      say(`Saved: ${printable(name)}${board && `, on the board ${printable(board)}`}`);
    });
    for (const one of [this.name, this.where, this.board]) one.addEventListener("input", () => this.showVerb());
    this.dialog.addEventListener("keydown", (event) => this.walk(event));
    byId("saved-button").addEventListener("click", () => this.open());
  }

  async open() {
    const state = this.shown();
    const [since, until] = [state.since, state.until].map(relativeDay);
    const isFixed = EXACT.test(since) || EXACT.test(until);
    // The range of the menu is another one than that which is shown.
    this.parts = partsOf({ ...state, since, until, ...((since || until) && { last: "" }), ...(isFixed && { since: "", until: "" }) });
    this.name.value = [...state.q].slice(0, LONGEST_NAME).join("");
    const isDay = !isFixed && since + until !== state.since + state.until;
    const said = isFixed ? "The span of time is not saved, because it is a fixed one." : "";
    this.note.textContent = isDay ? `The span of time is saved as ${[since && `since ${since}`, until && `until ${until}`].filter(Boolean).join(", ")}.` : said;
    this.draw();
    this.dialog.showModal();
    this.name.select();
    await this.attempt(() => this.ask("GET"));
  }

  /**
   * Do something of the server's; show the error if it fails.
   * @param {() => Promise<unknown>} action
   */
  async attempt(action) {
    try {
      await action();
      return true;
    } catch (error) {
      this.note.textContent = printable(/** @type {Error} */ (error).message);
      return false;
    }
  }

  /**
   * Send a request for the server's searches, and show those that there are then.
   * @param {"GET" | "PUT" | "DELETE"} method
   * @param {string} [name]
   * @param {Parts} [parts]
   */
  async ask(method, name = "", parts) {
    const { enabled, saved: searches, boards } = await saved(method, name, parts);
    this.shared = searches;
    byId("board-names").replaceChildren(...boards.map((/** @type {{name: string}} */ one) => option(one.name)));
    for (const id of ["saved-choice", "board-choice"]) byId(id).hidden = !enabled;
    this.link.hidden = !enabled && !boards.length;
    this.mayChange = enabled;
    if (!enabled) this.where.value = this.board.value = "";
    this.draw();
  }

  draw() {
    const all = [...own().map((one) => this.entry(one, false)), ...this.shared.map((one) => this.entry(one, true))];
    const focused = document.activeElement;
    const line = focused?.closest("#saved-list li");
    const isCross = focused?.classList.contains("exclude");
    this.list.replaceChildren(...all.sort((one, other) => (one.textContent ?? "").localeCompare(other.textContent ?? "")));
    if (line) all.find((one) => one.textContent === line.textContent)?.querySelectorAll("button")[isCross ? 1 : 0].focus();
    this.showVerb();
  }

  /** Let the button say whether a search of that name is replaced. */
  showVerb() {
    const board = this.board.value.trim();
    // What is on a board is saved on the server.
    if (board) this.where.value = "server";
    this.where.disabled = Boolean(board);
    this.link.href = address("/board", { name: board });
    this.link.textContent = board ? `Open the board ${printable(board)}` : "Boards: saved searches shown together";
    const list = this.where.value ? this.shared : own();
    const isThere = list.some(({ name }) => name === this.name.value.trim());
    /** @type {Element} */ (this.form.querySelector("[type=submit]")).textContent = isThere ? "Replace" : "Save";
  }

  /**
   * @param {Search} search
   * @param {boolean} isShared
   */
  entry(search, isShared) {
    const { name, q, last, since, until, error } = search;
    const choose = button("", "add", () => {
      this.dialog.close();
      write({ rows: this.shown().rows, ...partsOf(search) }, true);
      this.onChoose();
    });
    const time = since || until ? [since, until].join(" – ") : (last ?? "");
    const about = [q === name ? "" : (q ?? ""), time, isShared ? "on the server" : ""].filter(Boolean).join(" · ");
    choose.append(element("span", "name", printable(name)), element("span", "note", printable(about)), element("span", "alarm", printable(error ?? "")));
    const board = /** @type {HTMLAnchorElement} */ (element("a", "link", "to a board"));
    board.href = address("/board", { add: name });
    board.ariaLabel = `To a board: ${printable(name)}`;
    const cross = button("×", "exclude", () => this.remove(search, isShared), `Remove ${printable(name)}`);
    if (isShared && !this.mayChange) return element("li", "", choose);
    return element("li", "", choose, cross, isShared ? board : "");
  }

  /**
   * @param {Search} search
   * @param {boolean} isShared
   */
  async save(search, isShared) {
    const others = own().filter(({ name }) => name !== search.name);
    return this.attempt(async () => {
      this.note.textContent = "";
      if (isShared) return this.ask("PUT", search.name, partsOf(search));
      if (others.length >= MOST) throw new Error(`This browser keeps ${MOST} searches and no more; remove one first.`);
      this.keep([...others, search]);
    });
  }

  /**
   * @param {Search} search
   * @param {boolean} isShared
   */
  async remove(search, isShared) {
    const isDone = await this.attempt(async () => {
      if (isShared) return this.ask("DELETE", search.name);
      this.keep(own().filter(({ name }) => name !== search.name));
    });
    if (!isDone) return;
    this.note.textContent = `Removed: ${printable(search.name)} `;
    // A query that is wrong now cannot be saved again.
    const undo = search.error ? null : button("Undo", "link", () => this.save(search, isShared).then(() => this.name.focus()));
    if (undo) this.note.append(undo);
    (undo ?? this.name).focus();
  }

  /** @param {Search[]} searches those of this browser from now on */
  keep(searches) {
    const text = JSON.stringify(searches);
    keep(KEY, text);
    if (kept(KEY) !== text) throw new Error("This browser does not let the page save anything.");
    this.draw();
  }

  /** @param {KeyboardEvent} event an arrow key, which leads from the name into the list and through it */
  walk(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || event.target === this.where || event.target === this.board) return;
    const stops = [this.name, .../** @type {NodeListOf<HTMLElement>} */ (this.list.querySelectorAll(".add"))];
    const at = stops.findIndex((one) => one === document.activeElement || one.parentElement?.contains(document.activeElement));
    stops[Math.max(0, Math.min(at + step, stops.length - 1))].focus();
    event.preventDefault();
  }
}

/**
 * Return what is saved of a state.
 * @param {Parts} state
 * @returns {Parts}
 */
function partsOf(state) {
  return Object.fromEntries(PARTS.filter((part) => state[part] && typeof state[part] === "string").map((part) => [part, state[part]]));
}

/**
 * Return the searches of this browser.
 * @returns {Search[]}
 */
const own = () => keptList(KEY).filter((one) => one?.name && typeof one.name === "string").map((one) => ({ name: one.name, ...partsOf(one) }));
