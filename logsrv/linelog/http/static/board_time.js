/** The time of a board: that of its menu, From and To, or zoomed to. It stands in the address, so the browser's back button undoes it. */

import { shape } from "./bars.js";
import { button, byId, sayOnce } from "./dom.js";
import { TimePicker } from "./picker.js";
import { lastOf, nameOfRange, offerLast, rangeText, stateOfSpan } from "./scope.js";
import { EXACT, zone } from "./times.js";

/** @typedef {{last: string, since: string, until: string}} Time all empty: none was chosen */
/** @typedef {import("./scope.js").Scope} Scope */
/** @typedef {Time & {zoom: Scope | null}} BoardTimes zoom: the span that all panels show for a while */
/** @typedef {{time: Time, hasOwn: boolean, isOwn: boolean, isOther: boolean, zoom: Scope | null}} PanelTime isOwn: the time is that of its search; isOther: and the board has another; zoom: is shown instead */

const PARTS = /** @type {const} */ (["last", "since", "until"]);
/** In the address, `FROM/TO`. */
const ZOOM = "zoom";
const CLOCK = "M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 1 0 8 1.8M8 4.5V8l2.6 1.8";
const NONE = { last: "", since: "", until: "" };

/** @param {Time} time */
const isGiven = ({ last, since, until }) => Boolean(last || since || until);

/**
 * Return which time a panel shows. A search that was saved with a time keeps it, unless the panel says otherwise.
 * @param {Partial<Time> | undefined} saved
 * @param {{time?: "own" | "board"}} panel
 * @param {BoardTimes} board
 * @returns {PanelTime}
 */
export function timeOfPanel(saved, panel, board) {
  const own = { ...NONE, ...Object.fromEntries(PARTS.map((part) => [part, saved?.[part] ?? ""])) };
  const { last, since, until, zoom } = board;
  const hasOwn = isGiven(own);
  const follows = isGiven(board) && !(hasOwn && panel.time !== "board");
  const isOwn = hasOwn && !follows;
  return { time: follows ? { last, since, until } : own, hasOwn, isOwn, isOther: isOwn && isGiven(board), zoom };
}

/**
 * Return the parts of a state of the live page that show this time.
 * @param {PanelTime} of
 */
export const shownTime = ({ time, zoom }) => (zoom ? { ...NONE, ...zoom } : time);

/** @param {Time} time */
function nameOf({ last, since, until }) {
  if (since || until) return rangeText({ since, until });
  const lasting = lastOf({ last });
  return lasting === "all" ? "all time" : nameOfRange({ last: lasting }).replace(/^the /, "");
}

/**
 * Return a panel's time as its note says it.
 * @param {PanelTime} of
 */
export function saidTime({ time, isOwn, isOther, zoom }) {
  const own = `own time: ${nameOf(time)}`;
  if (zoom) return `${rangeText(zoom)} · ${isOwn ? `zoomed with the board, ${own}` : "zoomed"}`;
  if (isOther) return own;
  return time.since || time.until ? nameOf(time) : time.last === "all" ? "all time" : `last ${lastOf(time)}`;
}

/**
 * Return the control of a panel that keeps the time of its search, or lets it follow the board's.
 * @param {string} name of the panel
 * @param {boolean} isKept
 * @param {() => void} change
 */
export function timeButton(name, isKept, change) {
  const made = button("", "icon", change, `Own time: ${name}`);
  made.append(shape("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }));
  made.firstElementChild?.append(shape("path", { d: CLOCK }));
  made.setAttribute("aria-pressed", String(isKept));
  made.title = isKept ? "It keeps the time of its search when the board has another. Let it follow the board" : "It follows the time of the board. Let it keep that of its search";
  return made;
}

/** Return the time of the board that the address has. @returns {BoardTimes} */
function read() {
  const given = new URLSearchParams(location.search);
  const [last, since, until] = PARTS.map((part) => (given.get(part) ?? "").slice(0, 200));
  const ends = (given.get(ZOOM) ?? "").split("/");
  const isZoomed = ends.length === 2 && ends.every((end) => EXACT.test(end) && !Number.isNaN(Date.parse(end))) && Date.parse(ends[0]) < Date.parse(ends[1]);
  offerLast(last);
  const isLast = [.../** @type {HTMLSelectElement} */ (byId("last")).options].some(({ value }) => value === last);
  return { last: isLast && !since && !until ? last : "", since, until, zoom: isZoomed ? { since: ends[0], until: ends[1] } : null };
}

export class BoardTime {
  /** @param {() => void} onChange called when another time is to be shown */
  constructor(onChange) {
    this.onChange = onChange;
    this.shown = read();
    this.last = /** @type {HTMLSelectElement} */ (byId("last"));
    this.range = byId("range");
    this.out = byId("zoom-out");
    this.picker = new TimePicker((span) => {
      const { since = "", until = "", last = "" } = stateOfSpan(span);
      this.choose({ since, until, last: since || until ? "" : lastOf({ last }) });
    });
    this.last.addEventListener("change", () => this.choose({ ...NONE, last: this.last.value }));
    this.range.addEventListener("click", () => {
      this.choose(NONE);
      this.last.focus();
    });
    this.out.addEventListener("click", () => this.zoomOut());
    byId("times-button").addEventListener("click", () => this.open());
    addEventListener("popstate", () => this.follow());
    document.addEventListener("keydown", (event) => this.key(event));
    this.draw();
  }

  /** The span of time of the board, for requests. @returns {Scope} */
  get scope() {
    const { last, since, until, zoom } = this.shown;
    if (zoom || since || until) return zoom ?? { since, until };
    return { since: last === "all" ? "" : lastOf({ last }), until: "" };
  }

  open() {
    const { last, since, until } = this.shown;
    this.picker.open(since || until ? { since, until } : { since: last === "all" ? "" : last, until: "" });
  }

  /** @param {Time} time */
  choose(time) {
    this.go({ ...time, zoom: null }, false);
  }

  /**
   * Show a span in all panels.
   * @param {string} since
   * @param {string} until
   */
  zoom(since, until) {
    this.go({ ...this.shown, zoom: { since, until } }, true);
  }

  /** Show what was shown before the last zoom; of a zoom that came with the address, the time of the board. */
  zoomOut() {
    if (!this.shown.zoom) return;
    if (document.activeElement === this.out) this.last.focus();
    // Unless something else was chosen since, which made another entry of the history.
    if (history.state?.zoomed === location.pathname + location.search) history.back();
    else this.go({ ...this.shown, zoom: null }, false);
  }

  /**
   * @param {BoardTimes} next
   * @param {boolean} isZoom
   */
  go(next, isZoom) {
    const given = new URLSearchParams();
    const [others, chosen] = [[...new URLSearchParams(location.search)], PARTS.filter((part) => next[part])];
    for (const [name, value] of others) if (name === "name") given.append(name, value);
    for (const part of chosen) given.set(part, next[part]);
    if (next.zoom) given.set(ZOOM, `${next.zoom.since}/${next.zoom.until}`);
    // What is not of the time stays behind it.
    for (const [name, value] of others) if (!["name", ZOOM, ...PARTS].includes(name)) given.append(name, value);
    const address = `${location.pathname}?${given.toString().replace(/%3A/g, ":").replace(/%2F/g, "/")}`;
    if (address !== location.pathname + location.search) history.pushState(isZoom ? { zoomed: address } : null, "", address);
    this.follow();
  }

  /** Show the time of the address. */
  follow() {
    this.shown = read();
    this.draw();
    this.onChange();
  }

  draw() {
    const { last, since, until, zoom } = this.shown;
    const isSpan = Boolean(since || until);
    this.last.value = last;
    this.last.hidden = isSpan;
    this.range.hidden = !isSpan;
    byId("range-text").textContent = isSpan ? rangeText({ since, until }) : "";
    this.out.hidden = !zoom;
    sayOnce("zoomed", zoom ? `Zoomed to ${rangeText(zoom)}` : "");
  }

  /** Why nothing can be in the time of the board, which an address may have; "" unless it ends before it begins. */
  get problem() {
    const { since, until } = this.shown;
    return EXACT.test(since) && EXACT.test(until) && Date.parse(since) >= Date.parse(until) ? "The time of the board ends before it begins. Choose another From or To (t)." : "";
  }

  /** Return the board's time in words, for paper. */
  get words() {
    const { zoom } = this.shown;
    const chosen = isGiven(this.shown) ? nameOf(this.shown) : "as saved with each search";
    return `${zoom ? `${rangeText(zoom)}, zoomed; ` : ""}${chosen}, ${zone().name}`;
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const target = /** @type {Element} */ (event.target);
    // On the list of boards there is no time to choose.
    if (byId("board").hidden || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || target.closest("input, textarea, select, dialog")) return;
    if (event.key === "t") this.open();
    else if (["Escape", "Backspace"].includes(event.key) && this.shown.zoom) this.zoomOut();
    else return;
    event.preventDefault();
  }
}
