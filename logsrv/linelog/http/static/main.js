/** The page: the only module that connects its parts. */

import * as address from "./address.js";
import { Announcer } from "./announce.js";
import { ApiError } from "./api.js";
import { Box } from "./box.js";
import { ByMenu } from "./by_menu.js";
import { alignNames, hasMessage, readColumns, showColumns, switchColumn, writtenColumns } from "./columns.js";
import { Completion } from "./complete.js";
import { chosenRows, nextRows, saidRows, showRows } from "./density.js";
import { Details } from "./details.js";
import { byId } from "./dom.js";
import { Empty } from "./empty.js";
import { Fields } from "./fields.js";
import { Figures } from "./figures.js";
import { keepFocus } from "./focus.js";
import { Health, showBanner } from "./health.js";
import { Highlighter } from "./highlight.js";
import { Histogram } from "./histogram.js";
import { listen } from "./keys.js";
import { LaterTable } from "./later_table.js";
import { Lines } from "./lines.js";
import { logIn } from "./login.js";
import { showFurther, showNeighbours } from "./neighbours.js";
import { closeMore } from "./more.js";
import { attempt, say } from "./notice.js";
import { Older } from "./older.js";
import { Patterns } from "./patterns.js";
import { TimePicker } from "./picker.js";
import { PageStates } from "./page_states.js";
import { onPrint, printHead } from "./print.js";
import { offerAround } from "./row_tools.js";
import { Saved } from "./saved.js";
import { showReader } from "./reader.js";
import { DEFAULT_LAST, scopeOf, showScope, showZone, spanAround, stateOfSpan, wider, wrongLast } from "./scope.js";
import { select } from "./selection.js";
import { asLines, besidePatterns, kindOf, patternsOf, sortOf, withCondition, withFilter, withOnly, withSort } from "./stages.js";
import { showListed, showState } from "./state.js";
import { printable } from "./text.js";
import { isUtc, setUtc } from "./times.js";
import * as travel from "./travel.js";
import { View } from "./view.js";
import { Work } from "./work.js";

/** Statuses after which the same request may succeed later: no answer, too many requests, not now. */
const LATER = [0, 429, 503];
const AGAIN = 2000;

const lines = new Lines(byId("scroller"), byId("lines"), new Highlighter(), (after) => show({ position: after }));
const view = new View(lines);
const announcer = new Announcer();
/** Show the progress while a requested part has not arrived. */
const showWork = () => work.show();
const states = new PageStates(address.read());

const box = new Box((query) => show({ q: query, position: "" }, false), () => showAll());
const completion = new Completion(box, () => states.scope, lines);

/**
 * Add a field's value to the query, or exclude it. If a past line is shown, that line stays visible.
 * @param {string} field
 * @param {string} value
 * @param {boolean} exclude
 * @param {string} [position] of the line that has the value
 */
function term(field, value, exclude, position = "") {
  const kept = states.current.position && !exclude ? position : "";
  const query = withCondition(box.value, field, value, exclude);
  // Without a reload of what is being read.
  if (query !== box.value || kept) show({ q: query, position: kept }, Boolean(kept));
}

/**
 * Show the lines with a value, whatever else was asked for.
 * @param {string} field
 * @param {string} value
 */
const only = (field, value) => show({ q: withOnly(box.value, field, value), position: "" });

/** Show the lines with an id of all sources, in the same time range. @param {string} id */
const everywhere = (id) => show({ q: `"${id}"`, position: "" });

/** Show the rows and columns of the address. */
function showLayout() {
  const { current } = states;
  const columns = readColumns(current.columns);
  showRows(chosenRows(current.rows));
  showColumns(columns, hasMessage(current.columns), { remove: column, sort: sortBy });
  alignNames(() => completion.numberFields());
  lines.setColumns(columns);
  lines.unfoldAll(chosenRows(current.rows) === "all");
  fields.markColumns(columns);
  figures.download.setColumns(columns, hasMessage(current.columns));
}

/**
 * Show lines in other rows or columns: the address changes, nothing is requested.
 * @param {Partial<address.PageState>} change
 */
function layOut(change, draw = () => view.keepingEnd(showLayout)) {
  states.layOut(change);
  address.write(states.current, false);
  draw();
}

function rows() {
  const next = nextRows(chosenRows(states.current.rows));
  layOut({ rows: next });
  say(saidRows(next));
}

/** @param {string} name of a field that becomes a column, or no longer is one */
function column(name) {
  const [earlier, message] = [readColumns(states.current.columns), hasMessage(states.current.columns)];
  const columns = name === "message" ? earlier : switchColumn(earlier, name);
  layOut({ columns: columns.length ? writtenColumns(columns, message !== (name === "message")) : "" });
  say((name === "message" ? !message : columns.includes(name)) ? `${printable(name)} is a column.` : `${printable(name)} is no longer a column.`);
}

/** @param {string} field of the bars from now on; "" or "level": by level */
function barsBy(field) {
  by.choose(field);
  layOut({ by: by.chosen }, () => figures.setBy(by.chosen));
}

/** @param {string} name of a column, by which lines are sorted: the largest first, then the smallest, then as they come */
function sortBy(name) {
  if (name === "time" || sortOf(box.value) === name || completion.numberFields().has(name)) show({ q: withSort(box.value, name), position: "" });
  else say(`${printable(name)} has no numbers here to sort by.`);
}

const by = new ByMenu(barsBy);
const fields = new Fields({ term, only, column, overTime: barsBy, names: (names) => by.offer(names), work: showWork });
const histogram = new Histogram(
  (since, until) => show({ since, until, position: "" }),
  () => (states.current.since || states.wanted.since) && show({ since: "", until: "", position: "" }),
  term,
);
const figures = new Figures(fields, histogram, {
  work: showWork,
  hint: (text) => box.hint(text),
  since: (time) => {
    const cut = view.expire(time);
    if (cut) older.found(cut.time);
  },
  newest: () => health.newest,
});
figures.download.listed = () => (view.isWhole ? lines.count() : null);
const table = new LaterTable((query) => show({ q: query, position: "" }), (since, until) => show({ since, until }));
const patterns = new Patterns({
  work: showWork,
  query: (query, since) => show({ q: withFilter(box.value, query), ...(since && { since, until: "" }), position: "" }),
});
const older = new Older(view, (time) => wider(states.wanted, states.scope, time), show, showWork);
const empty = new Empty(view, showWork, () => again());
const details = new Details(lines, {
  term,
  only,
  everywhere,
  top: (field) => fields.reveal(field),
  column,
  neighbours,
  around,
  query: () => asLines(states.current.q),
  stateOf: (line) => ({ columns: states.current.columns, position: line.position }),
});

/**
 * Show the lines around a line, also if what is shown is in an order of its own.
 * @param {import("./api.js").Line} line
 */
function neighbours(line) {
  if (view.kind !== "ordered") return work.act(() => showNeighbours(view, line));
  show({ position: line.position, q: "", since: "", until: "" });
}

/**
 * Show further neighbours of the selected line.
 * @param {"before" | "after"} side
 * @param {boolean} isOwn only those of its source
 */
function further(side, isOwn) {
  const line = lines.selected && lines.data.get(lines.selected);
  if (line && view.kind === "ordered") neighbours(line);
  else if (line) work.act(() => showFurther(view, line, side, isOwn));
}

/**
 * Show all lines of a few seconds around a line, from all sources. The way back leads to the line in what is shown now.
 * @param {import("./api.js").Line} line
 */
function around(line) {
  const span = spanAround(line.time, 5);
  if (!span) return neighbours(line);
  address.write({ ...states.current, position: line.position }, false);
  show({ position: line.position, ...span, q: "" });
}

/**
 * Act on the selected line, else on the newest: the answer to a query often is one line.
 * @param {(line: import("./api.js").Line) => void} act
 */
function withLine(act) {
  const line = lines.data.get(lines.selected ?? lines.rows.get(lines.last) ?? lines.log);
  if (line && lines.scroller.checkVisibility()) act(line);
}

offerAround(lines, { neighbours, around });
const picker = new TimePicker((span) => show(stateOfSpan(span)));
const pickTime = () => picker.open(states.scope);
const saved = new Saved(() => (states.isAsking ? states.wanted : states.current), () => begin());

/**
 * Show another state, because the user wants it.
 * @param {Partial<address.PageState>} change
 * @param {boolean} [step] so that the way back leads to what is shown now
 */
function show(change, step = true) {
  if (change.q !== undefined) {
    // What was being typed is this query, or is given up.
    clearTimeout(box.timer);
    if (change.q !== box.value) {
      completion.close();
      box.set(change.q);
    }
  }
  return attempt(() => go(change, step));
}

/**
 * Show another state. The address changes as soon as the server has accepted the query.
 * @param {Partial<address.PageState>} change
 * @param {boolean} step
 * @param {boolean} [first] all parts are requested
 */
async function go(change, step, first = false) {
  const { turn, narrowed } = states.ask(change, step, first);
  const next = states.wanted;
  const kind = kindOf(next.q);
  table.abort.abort();
  view.giveUp();
  let taken = false;
  showStale(true);
  if (narrowed) {
    figures.dim();
    patterns.panel.stop();
  }
  if (!states.answered) view.cancelled = false;
  showAll();
  try {
    const found = await scopeOf(next);
    if (!states.isLast(turn)) return;
    const request = { q: besidePatterns(next.q), ...found, position: next.position };
    await (kind === "table" ? table : view).open(request, () => {
      taken = true;
      if (!states.isLast(turn)) return;
      if (kind === "table") view.close(request);
      else table.close();
      arrived(found, narrowed);
    });
  } catch (error) {
    if (!states.isLast(turn)) return;
    if (!taken && error instanceof ApiError && LATER.includes(error.status)) states.retryLater(setTimeout(() => attempt(() => go(change, step, first)), AGAIN));
    else if (!taken && narrowed) {
      figures.keep();
      if (patterns.panel.pending) patterns.load();
    }
    if (!taken && !states.willRetry) states.refused();
    if (!(error instanceof ApiError && error.status === 400 && !taken)) throw error;
    box.refuse(error.message, error.at);
  } finally {
    if (states.isLast(turn)) {
      states.end();
      if (!taken && !states.willRetry) showStale(false);
      showAll();
    }
  }
}

/**
 * Set the parts around the lines to the new scope, after the server has accepted the query.
 * @param {import("./scope.js").Scope} found
 * @param {boolean} narrowed
 */
function arrived(found, narrowed) {
  const isStep = states.accepted(found);
  const { current, scope } = states;
  showStale(false);
  box.accept();
  address.write(current, isStep);
  showScope(current, scope);
  by.choose(current.by);
  figures.by = current.by;
  document.title = current.q ? `${printable(current.q)} – logsrv` : "logsrv";
  if (narrowed) {
    figures.set(asLines(current.q), scope);
  }
  const stage = patternsOf(current.q);
  if (narrowed || stage !== patterns.stage) patterns.set(stage ? current.q : asLines(current.q), scope, stage);
  figures.download.set({ q: besidePatterns(current.q), ...scope });
  showAll();
}

/** @param {boolean} stale dim the lines or figures, because something else is asked for */
function showStale(stale) {
  for (const part of [lines.log, table.part]) part.classList.toggle("stale", stale);
}

const work = new Work({ view, figures, patterns, older, empty, table }, () => ({ asking: states.isAsking, turns: states.turns }), () => {
  const isKept = table.keepPart();
  table.abort.abort();
  if (!states.willRetry && (!states.isAsking || view.searching)) return;
  if (states.answered && !isKept) return back();
  states.cancel();
  view.cancelled = !isKept;
  showStale(false);
  showAll();
});

/** Ask again for what was cancelled. */
const again = () => attempt(() => go({}, false, !states.answered));

/** Go back to the query whose answer is shown, from one that is wrong or was cancelled. */
const back = () => show(states.answered ? { ...states.answered } : { q: "" }, false);

const toggle = () => attempt(() => (box.wrong ? back() : view.cancelled && !states.answered ? again() : !view.paused ? view.pause("button") : follow()));
const follow = () => attempt(() => (view.kind !== "lines" || [states.current, states.wanted].some((one) => one.until || one.position) ? newest() : view.follow()));
/** Ask for the newest; a time without an end goes on. */
const newest = () => go({ position: "", ...(states.wanted.until && { since: "", until: "" }) }, true);
const leave = () => go({ since: "", until: "", position: "" }, true);

/** @param {-1 | 1} direction */
const seek = (direction) => work.act(() => travel.seekHit(view, direction, view.request.q));

/** Close or leave the topmost thing that is open: completion, box, panel, line, selection, time. */
function escape() {
  const at = document.activeElement;
  const isNarrow = matchMedia("(max-width: 60rem)").matches;
  const open = [at?.closest(".line"), lines.selected, ...lines.log.querySelectorAll(".open")].find((row) => row?.matches(".open"));
  if (completion.open) completion.close();
  else if (closeMore()) return;
  else if (at === box.input && work.takesLong) work.cancel();
  else if (at === box.input) {
    if (!lines.scroller.checkVisibility()) table.part.focus({ preventScroll: true });
    else if (lines.selected) select(lines, lines.selected);
    else lines.scroller.focus();
  } else if (fields.panel.shown && isNarrow) fields.panel.toggle(false);
  else if (patterns.panel.shown && (isNarrow || patterns.panel.part.contains(at))) patterns.panel.toggle(false);
  else if (open) details.close(/** @type {HTMLElement} */ (open));
  else if (lines.selected) {
    select(lines, null);
    if (lines.log.contains(at)) lines.scroller.focus({ preventScroll: true });
  } else if (work.takesLong) work.cancel();
  else if (box.wrong) back();
  else if (states.hasTime) attempt(leave);
}

/**
 * Scroll the lines, wherever the focus is, unless it is in another part that scrolls.
 * @param {-1 | 1} direction
 */
const turn = (direction) => (document.activeElement?.closest(".panel, #table") ? false : travel.page(view, direction));

const help = /** @type {HTMLDialogElement} */ (byId("help"));

listen({
  "/": () => box.input.select(),
  "j|ArrowDown": () => travel.walk(view, 1),
  "k|ArrowUp": () => travel.walk(view, -1),
  "g|Home": () => work.act(() => travel.toStart(view)),
  "G|End": () => follow(),
  PageUp: () => turn(-1),
  PageDown: () => turn(1),
  " ": () => toggle(),
  n: () => seek(1),
  N: () => seek(-1),
  f: () => fields.panel.switch(),
  p: () => patterns.panel.switch(),
  r: rows,
  y: () => lines.selected && details.copyLine(/** @type {import("./api.js").Line} */ (lines.data.get(lines.selected))),
  c: () => withLine(neighbours),
  s: () => withLine(around),
  t: () => pickTime(),
  o: () => saved.open(),
  Backspace: () => address.back(),
  b: () => further("before", false),
  a: () => further("after", false),
  B: () => further("before", true),
  A: () => further("after", true),
  "?": () => help.showModal(),
  Enter: () => lines.selected && details.toggle(lines.selected),
  Escape: () => escape(),
});

lines.log.addEventListener("click", (event) => {
  const target = /** @type {Element} */ (event.target);
  const row = /** @type {HTMLElement | null} */ (target.closest(".line"));
  if (!row || target.closest("a, button, .details")) return;
  // A click that ends a text selection does not open the line.
  if (!getSelection()?.isCollapsed) return;
  view.pause("reading");
  details.toggle(row);
  select(lines, row);
});

lines.log.addEventListener("fold", () => view.pause("reading"));
byId("pause").addEventListener("click", toggle);
byId("newer").addEventListener("click", follow);
byId("rows").addEventListener("click", rows);
byId("range").addEventListener("click", () => attempt(leave));
byId("times-button").addEventListener("click", pickTime);
byId("help-button").addEventListener("click", () => help.showModal());
byId("last").addEventListener("change", (event) => {
  const { value } = /** @type {HTMLSelectElement} */ (event.target);
  show({ last: value === DEFAULT_LAST ? "" : value }, false);
});
byId("zone").addEventListener("click", () => {
  setUtc(!isUtc());
  showZone();
  lines.retime();
  histogram.draw();
  table.show();
  // Days begin at another midnight.
  attempt(() => table.again());
  figures.refresh();
  figures.showWhen();
  older.draw();
  showScope(states.current, states.scope);
  showAll();
});

view.addEventListener("lines", (event) => {
  announcer.add(/** @type {CustomEvent} */ (event).detail.lines);
  figures.arrived();
  showListed(view);
});
for (const name of ["changed", "waiting", "connection", "loading"]) view.addEventListener(name, showAll);
view.addEventListener("waiting", () => figures.arrived());

const health = new Health(() => {
  showAll();
  // The server answers again: repeat the request.
  if (!health.away && !states.isAsking) figures.refresh();
});

onPrint(() => printHead(states.current, view.kind === "table" ? null : lines.count()), () => table.showRows());

function showAll() {
  showState(view, { trouble: health.trouble, wrong: box.wrong, answered: states.answered?.q ?? null, asking: states.isAsking || states.willRetry });
  empty.show();
  showWork();
  keepFocus(lines.scroller);
  alignNames(() => completion.numberFields());
  document.body.classList.toggle("away", health.away > 0);
  showBanner(health.trouble, health.away && (view.stream?.lost || health.away));
}

/** Show the state in the address. If its line no longer exists, show the newest lines. */
async function begin() {
  attempt(showReader);
  states.begin(address.read());
  const { current } = states;
  showLayout();
  box.set(current.q);
  showScope(current, states.scope);
  const { position } = current;
  await attempt(async () => {
    try {
      await go({}, false, true);
      if (wrongLast(states.current)) say(wrongLast(states.current));
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404 && position)) throw error;
      await go({ position: "" }, false, true);
      say(`The line at ${position} is not in the store, or no longer. These are the newest.`);
    }
  });
}

addEventListener("popstate", begin);
logIn(begin);
showZone();
showAll();
if (matchMedia("(min-width: 75rem)").matches) fields.panel.toggle(true);
begin();
