/** A panel of a board: the answer of a saved search as a table, as bars, as lines or as a number. */

import { url } from "./address.js";
import { all, search as searchLines } from "./api.js";
import { spans } from "./bars.js";
import { saidTime, shownTime, timeButton, timeOfPanel } from "./board_time.js";
import { Chart } from "./chart.js";
import { button, element } from "./dom.js";
import { writtenField } from "./field_names.js";
import { fittingSteps } from "./fitting_steps.js";
import { Grid, MOST_ASKED } from "./grid.js";
import { Inquiry } from "./inquiry.js";
import { LEVELS } from "./levels.js";
import { limitsOf } from "./limits.js";
import { whatIsMissing } from "./missing.js";
import { PartialAnswer, answered } from "./partial.js";
import { moveHandle, widthButton } from "./panel_layout.js";
import { isPivot, pivot } from "./pivot.js";
import { lastOf, nameOfRange, scopeOf, secondsOf } from "./scope.js";
import { hasChart } from "./series.js";
import { askNumber, canBeNumber, numberParts } from "./single_number.js";
import { asLines, isOfNew, kindOf, orderOf, pastOf, patternsOf, sortOf } from "./stages.js";
import { summarize } from "./summary.js";
import { printable } from "./text.js";
import { clock, counted, moment } from "./times.js";

/** @typedef {"table" | "bars" | "lines" | "number"} As */
/** @typedef {Partial<import("./address.js").PageState> & {name: string, error?: string}} Search */
/** @typedef {import("./grid.js").Answer} Answer */

const SHAPES = /** @type {[As, string][]} */ ([["table", "Table"], ["bars", "Bars"], ["lines", "Lines"], ["number", "Number"]]);
/** Milliseconds between two requests of a panel: at least, so many times as long as the last one took, at most. */
const EVERY = 5000;
const TIMES = 3;
const ANYWAY = 60_000;
/** Rows of a table, and lines. */
const MOST_SHOWN = 100;
const MOST_LINES = 15;
const BUCKETS = 60;
/** Milliseconds after which a panel says that its answer is on its way. */
const SLOW = 1000;
const LONGEST_MESSAGE = 300;
const NO_NUMBER = "no single number, because it has groups or no figures: shown as a table";

export class BoardPanel extends Inquiry {
  /**
   * @param {string} search its name
   * @param {{shape: (as: As) => void, time: (time: "own" | "board") => void, move: (step: -1 | 1) => void, place: (beside: import("./panel_layout.js").Place) => void, width: (width: "wide" | "narrow") => void, figure: (name: string) => void, remove: () => void, ended: () => void, zoom: (since: string, until: string) => void, zoomOut: () => void}} told ended: called after a request
   */
  constructor(search, told) {
    super(element("section", "board-panel"), () => {});
    this.search = search;
    this.told = told;
    /** @type {As} */
    this.as = "bars";
    this.title = /** @type {HTMLAnchorElement} */ (element("a", "", printable(search)));
    this.tools = element("div", "board-tools");
    this.note = element("p", "note");
    this.plot = element("div", "chart");
    this.rows = element("div", "table");
    this.number = element("div", "single");
    this.empty = element("div", "empty");
    this.rows.tabIndex = 0;
    this.rows.setAttribute("role", "group");
    this.rows.ariaLabel = this.part.ariaLabel = printable(search);
    /** @type {PartialAnswer<Answer>} */
    this.partial = new PartialAnswer((said, answer, since) => this.showPart(said, answer, since));
    this.part.append(element("header", "", element("h2", "", this.title), this.tools), this.note, this.partial.bar, this.plot, this.rows, this.empty);
    this.chart = new Chart(this.plot, { select: told.zoom, figure: told.figure, clear: told.zoomOut }, true);
    this.grid = new Grid(this.rows, null);
    this.plot.hidden = this.rows.hidden = this.empty.hidden = true;
    /** The times at which it was asked and may be asked again, and where the store ended then. */
    this.asked = this.next = this.slow = 0;
    this.position = "";
    this.asking = false;
    this.key = "";
    this.number.hidden = true;
    this.empty.before(this.number);
    this.part.dataset.search = search;
    this.isWide = false;
    /** Why it has other steps than its search; "" unless it has. */
    this.steps = "";
    /** The figure of its chart as it is saved; "": the first one. */
    this.figure = "";
    /** The note behind the time. @type {string[]} */
    this.about = [];
    /** False if the answer has no times, so that it is shown as a table. */
    this.hasTimes = true;
    /** False if it has groups, or anything else but figures, so that there is no single number. */
    this.hasNumber = true;
    this.again = () => {};
    /** The sentences on an empty answer; they are asked for once. @type {HTMLElement[] | null} */
    this.missing = null;
  }

  /**
   * Set what is shown; something else than before is asked for.
   * @param {Search | undefined} search
   * @param {import("./board.js").SavedPanel} panel
   * @param {import("./board_time.js").BoardTimes} board
   */
  set(search, panel, board) {
    const { as } = panel;
    this.saved = search;
    this.isWide = panel.width === "wide";
    this.part.classList.toggle("wide", this.isWide);
    const isOtherFigure = (panel.figure ?? "") !== this.figure;
    if (isOtherFigure) this.chart.chosen = this.figure = panel.figure ?? "";
    this.panelTime = timeOfPanel(search, panel, board);
    this.follows = panel.time === "board";
    this.state = /** @type {import("./address.js").PageState} */ ({ q: "", by: "", columns: "", rows: "", ...search, ...shownTime(this.panelTime), position: "" });
    // The steps of a search in its own time are as its author wants them.
    const isOwn = !this.panelTime.zoom && (this.panelTime.isOwn || !(board.last || board.since || board.until));
    const fitting = isOwn ? { q: this.state.q, said: "" } : fittingSteps(this.state.q, secondsOf(this.state));
    this.state.q = fitting.q;
    this.steps = fitting.said;
    const key = JSON.stringify([this.state, as]);
    const isNew = key !== this.key;
    this.key = key;
    this.as = as;
    if (isNew) this.hasNumber = canBeNumber(this.state.q);
    this.title.href = this.link({});
    this.title.title = printable(this.state.q || "all lines");
    this.showTools();
    if (!isNew && isOtherFigure) this.again();
    if (!isNew) return this.sayTime();
    this.stop();
    this.partial.end();
    this.asked = this.next = 0;
    this.asking = false;
    this.pending = true;
    this.missing = null;
    this.part.classList.add("stale");
    this.say(this.time);
    this.slow = setTimeout(() => this.say(this.time, "counting …"), SLOW);
    if (!search) this.showGone();
    else if (search.error) this.fail(search.error);
  }

  /** @param {Partial<import("./address.js").PageState>} change */
  link(change) {
    return url({ ...this.state, ...change });
  }

  showTools() {
    const index = [...this.tools.querySelectorAll("button")].findIndex((one) => one === document.activeElement);
    const shapes = SHAPES.map(([as, text]) => {
      const made = button(text, "choice-button", () => this.told.shape(as));
      made.setAttribute("aria-pressed", String(as === (this.fits(this.as) ? this.as : "table")));
      made.disabled = !this.fits(as);
      return made;
    });
    const group = element("div", "choice-group", ...shapes);
    group.setAttribute("role", "group");
    group.ariaLabel = "Shown as";
    const name = printable(this.search);
    this.tools.replaceChildren(
      group,
      ...(this.panelTime?.hasOwn ? [timeButton(name, !this.follows, () => this.told.time(this.follows ? "own" : "board"))] : []),
      widthButton(name, this.isWide, () => this.told.width(this.isWide ? "narrow" : "wide")),
      moveHandle(this.part, name, this.told),
      button("↑", "icon", () => this.told.move(-1), `Move up: ${name}`),
      button("↓", "icon", () => this.told.move(1), `Move down: ${name}`),
      button("×", "icon", () => this.told.remove(), `Remove from the board: ${name}`),
    );
    this.tools.querySelectorAll("button")[index]?.focus();
  }

  /** Return whether the answer can be shown so. @param {As} as */
  fits(as) {
    return as === "table" || (as === "number" ? this.hasNumber : this.hasTimes);
  }

  /**
   * Set in which shapes the answer can be shown.
   * @param {boolean} hasTimes
   * @param {boolean} hasNumber
   */
  setFits(hasTimes, hasNumber) {
    if (hasTimes === this.hasTimes && hasNumber === this.hasNumber) return;
    [this.hasTimes, this.hasNumber] = [hasTimes, hasNumber];
    this.showTools();
  }

  /**
   * @param {import("./single_number.js").SingleAnswer} answer
   * @param {Date} when
   * @param {string} past
   * @param {string} [part] the words for an answer that is not whole yet
   */
  showNumber(answer, when, past, part) {
    this.plot.hidden = this.rows.hidden = this.empty.hidden = true;
    this.number.replaceChildren(...numberParts(answer, when, past));
    if (part) return this.say(this.time, part);
    const lacks = answer.lines ? limitsOf(answer).slice(1) : [limitsOf(answer)[0].toLowerCase()];
    this.say(this.time, answer.single.about, ...lacks, `counted at ${clock(when)}`);
  }

  /** @param {string} position where the store ends */
  isDue(position) {
    const now = performance.now();
    if (this.asking || !this.saved || this.saved.error || now < this.next) return false;
    return !this.asked || (!isOver(this.state?.until) && (position !== this.position || now - this.asked > ANYWAY));
  }

  /** @param {string} position */
  async refresh(position) {
    const { key } = this;
    this.asking = true;
    this.position = position;
    this.asked = performance.now();
    const when = new Date();
    const isDone = await this.ask((signal) => this.explained(when, signal), (found) => this.show(found, when), (sentence) => this.fail(sentence));
    // Of a panel that was set meanwhile, another request is under way.
    if (!isDone || key !== this.key) return;
    this.asking = false;
    this.next = performance.now() + this.pause(EVERY, TIMES);
    this.told.ended();
  }

  /**
   * Return the answer; an empty one is shown before it is known which part of the query matches nothing.
   * @param {Date} when
   * @param {AbortSignal} signal
   */
  async explained(when, signal) {
    const found = await this.answer(signal);
    const isEmpty = !(Array.isArray(found) ? found : found.rows).length;
    if (!isEmpty) this.missing = null;
    if (!isEmpty || this.missing || signal.aborted) return found;
    this.show(found, when);
    const state = /** @type {import("./address.js").PageState} */ (this.state);
    // Refused, it stays as it is, empty.
    const missing = await whatIsMissing(state.q, await scopeOf(state), this.range, signal).catch(() => []);
    if (!signal.aborted) this.missing = missing;
    return found;
  }

  /** Its time as its note says it. */
  get time() {
    return this.panelTime ? [saidTime(this.panelTime), this.steps].filter(Boolean).join(" · ") : "";
  }

  /** Say its time again, where the board's has changed and its own has not. */
  sayTime() {
    if (this.saved && !this.pending && this.note.className === "note") this.say(this.time, ...this.about);
  }

  /** The name of its time, `the last hour`. */
  get range() {
    const { since, until, last } = /** @type {import("./address.js").PageState} */ (this.state);
    return since || until ? "this time range" : nameOfRange({ last: lastOf({ last }) });
  }

  /**
   * @param {AbortSignal} signal
   * @returns {Promise<Answer | import("./api.js").Line[]>}
   */
  async answer(signal) {
    const state = /** @type {import("./address.js").PageState} */ (this.state);
    const { q } = state;
    const scope = await scopeOf(state);
    const single = this.as === "number" ? await askNumber(q, scope, signal, this.partial.begin(this.part.classList.contains("stale"), ofNumber)) : null;
    if (single) return single;
    const kind = kindOf(q);
    const stage = patternsOf(q);
    /**
     * @template {import("./partial.js").CountedPath} Path
     * @param {Path} path
     * @param {Record<string, string | number | null | undefined>} about
     * @param {(found: import("./api.js").Answers[Path]) => Answer} of
     */
    const ask = async (path, about, of) => of(await answered(path, { q, ...scope, ...about }, signal, this.partial.begin(this.part.classList.contains("stale"), of)));
    if (stage) return ask("/api/patterns", { ...(isOfNew(stage) && { since: "" }), limit: MOST_SHOWN }, ofPatterns);
    if (kind === "table") return ask("/api/table", { limit: MOST_ASKED, whole: 1 }, (found) => found);
    if (kind === "lines" && this.as !== "table") {
      // Up to now, so that it shows if no more lines arrive.
      const until = scope.until || "now";
      return ask("/api/histogram", { q: asLines(q), until, buckets: BUCKETS, by: state.by && writtenField(state.by) }, ofBars);
    }
    const limits = kind === "lines" ? { reverse: 1, limit: MOST_LINES } : {};
    const lines = await all(await searchLines({ q, ...scope, ...limits }, signal));
    return lines.slice(0, MOST_LINES);
  }

  /**
   * Show how far its answer is, and what there is of it.
   * @param {string} said
   * @param {Answer | null} answer
   * @param {Date | null} since
   */
  showPart(said, answer, since) {
    if (!answer?.rows.length) return this.say(this.time, said);
    this.part.classList.remove("stale");
    this.show({ ...answer, counted: since?.getTime() }, new Date(), said);
  }

  /**
   * @param {Answer | import("./api.js").Line[]} found
   * @param {Date} when
   * @param {string} [part] the words for an answer that is not whole yet
   */
  show(found, when, part) {
    if (!part) this.partial.end();
    this.again = () => this.show(found, when, part);
    const answer = Array.isArray(found) ? ofLines(found, sortOf(this.state?.q ?? "")) : found;
    const isChart = (this.as === "bars" || this.as === "lines") && hasChart(answer);
    const { q = "" } = this.state ?? {};
    const single = "single" in answer ? /** @type {import("./single_number.js").SingleAnswer} */ (answer) : null;
    const isOfLines = kindOf(q) === "lines" && !patternsOf(q);
    this.setFits((single?.single.line ?? answer).every !== null || isOfLines, this.as === "number" ? Boolean(single) : this.hasNumber);
    this.number.hidden = !single;
    if (single) return this.showNumber(single, when, pastOf(q), part);
    if (this.as === "number") answer.note = NO_NUMBER;
    this.plot.hidden = !isChart;
    this.empty.hidden = answer.rows.length > 0;
    this.rows.hidden = isChart || !this.empty.hidden;
    this.showEmpty(answer);
    const past = pastOf(q);
    let [all, which] = [0, "first"];
    if (isChart) {
      this.chart.kind = this.as === "lines" ? "lines" : "bars";
      this.chart.show(answer, when, past);
    } else {
      const turned = isPivot(answer) ? pivot(answer, 2) : answer;
      // The newest first.
      const rows = turned.every === null ? turned.rows : [...turned.rows].reverse();
      [all, which] = [rows.length, turned.every === null ? "first" : "newest"];
      this.grid.show({ ...turned, rows: rows.slice(0, MOST_SHOWN) });
    }
    this.say(this.time, answer.note ?? "", ...limitsOf(answer, all, MOST_SHOWN, which).slice(1), part ?? `counted at ${clock(when)}`);
  }

  /** @param {string[]} about what is written into the note, its time first */
  say(...about) {
    this.about = about.slice(1);
    clearTimeout(this.slow);
    this.note.className = "note";
    this.note.textContent = printable(about.filter(Boolean).join(" · "));
  }

  /**
   * Say that there is nothing, as the page does.
   * @param {Answer} answer
   */
  showEmpty(answer) {
    const { lack } = orderOf(this.state?.q ?? "");
    const sentence = answer.lines ? limitsOf(answer)[0] : `Nothing in ${this.range}${lack && ` has a ${lack}`}`;
    this.empty.replaceChildren(element("p", "heading", "No results"), element("p", "", `${sentence}.`), element("p", "parts", ...(this.missing ?? [])));
  }

  /** Say that its search was deleted, and offer to remove the panel. */
  showGone() {
    const name = printable(this.search);
    this.title.removeAttribute("href");
    this.plot.hidden = this.rows.hidden = this.number.hidden = true;
    this.empty.hidden = false;
    this.part.classList.remove("stale");
    this.say();
    const remove = button("Remove this panel", "action", () => this.told.remove());
    const why = element("p", "", `The saved search “${name}” was deleted, or saved under another name. A new one of this name is shown here again.`);
    this.empty.replaceChildren(element("p", "heading", "No such search"), why, remove);
  }

  /** @param {string} sentence */
  fail(sentence) {
    this.partial.end();
    this.say(sentence);
    this.note.className = "alarm";
  }
}

/**
 * Return whether nothing can come before this time any more. A zoom to a step that is not over ends in the future.
 * @param {string} [until]
 */
const isOver = (until) => Boolean(until) && !(Date.parse(/** @type {string} */ (until)) > Date.now());

/**
 * @param {Partial<Answer>} known
 * @returns {Answer}
 */
const answerOf = (known) => ({ columns: [], rows: [], by: [], every: null, groups: 0, lines: 0, without: [], left_out: 0, exact: true, absent: [], missed: 0, ...known });

/**
 * Return a histogram as figures over time.
 * @param {import("./bars.js").Histogram} histogram
 */
export function ofBars({ since, until, step, end, buckets, by = "level", values = [...LEVELS].reverse() }) {
  const rows = buckets.flatMap(({ time, count, levels, values: parts = levels }) => {
    const known = values.map((value) => [value, Object.hasOwn(parts, value) ? parts[value] : 0]);
    const without = by === "level" ? 0 : (parts[""] ?? 0);
    const rest = count - without - known.reduce((sum, [, lines]) => sum + Number(lines), 0);
    const all = [...known, [null, by === "level" ? rest : without], ["other values", by === "level" ? 0 : rest]];
    return all.filter(([, lines]) => lines).map(([value, lines]) => /** @type {import("./grid.js").Cell[]} */ ([time, value, lines]));
  });
  return answerOf({ columns: ["time", by, "count"], kinds: ["time", "group", "count"], rows, by: [by], every: step, steps: spans(buckets, end), since, until });
}

/**
 * Return figures that are not whole yet as a number, with nothing to compare them with.
 * @param {Answer} answer
 */
const ofNumber = (answer) => ({ ...answer, single: { before: null, line: null, about: "" } });

/**
 * Return patterns as the rows of a table.
 * @param {import("./patterns.js").Answer} found
 */
function ofPatterns({ patterns, lines, total, since }) {
  const columns = /** @type {const} */ (["value", "app", "level", "pattern"]).slice(patterns[0]?.value === undefined ? 1 : 0);
  const rows = patterns.map((one) => [...columns.map((name) => one[name] || null), one.count]);
  const note = since ? `the newest ${counted(lines, "line")}, since ${moment(new Date(since))}` : "";
  return answerOf({ columns: [...columns, "count"], rows, by: [...columns], groups: total, lines, note });
}

/**
 * Return lines as the rows of a table.
 * @param {import("./api.js").Line[]} lines
 * @param {string} sorted the field by whose number they are sorted, which comes first; "" unless they are
 */
function ofLines(lines, sorted) {
  const columns = [...(sorted ? [sorted] : []), "received", "level", "message"];
  const rows = lines.map((line) => {
    const text = summarize(line, []).map((part) => part.text).join("");
    return [...(sorted ? [line.number ?? null] : []), moment(new Date(line.time)), line.level, text.slice(0, LONGEST_MESSAGE)];
  });
  return answerOf({ columns, rows, by: columns, sorted: Boolean(sorted), units: [lines.find((line) => line.unit)?.unit ?? null] });
}
