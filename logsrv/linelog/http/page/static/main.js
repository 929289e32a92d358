/** The page put together: the one place where its parts meet. */

import * as address from "./address.js";
import { Announcer } from "./announce.js";
import { ApiError, get } from "./api.js";
import * as api from "./api.js";
import { Box } from "./box.js";
import { Completion, remember } from "./complete.js";
import { Details } from "./details.js";
import { byId } from "./dom.js";
import { Fields } from "./fields.js";
import { Health } from "./health.js";
import { Highlighter } from "./highlight.js";
import { Histogram } from "./histogram.js";
import { listen } from "./keys.js";
import { isProblem } from "./levels.js";
import { Lines } from "./lines.js";
import { logIn } from "./login.js";
import { withTerm } from "./query.js";
import { showState } from "./state.js";
import { printable } from "./text.js";
import { isUtc, setUtc, span } from "./times.js";
import * as travel from "./travel.js";
import { View } from "./view.js";

const DEFAULT_LAST = "15m";

const lines = new Lines(byId("scroller"), byId("lines"), new Highlighter(), (after) => attempt(() => go({ position: after }, true)));
const view = new View(lines);
const announcer = new Announcer();
let place = address.read();

const box = new Box((query) => attempt(() => go({ q: query, position: "" }, false)));
const completion = new Completion(box);

/**
 * Ask for a value of a field too, or exclude it. At a line of the past, that line stays in sight.
 * @param {string} field
 * @param {string} value
 * @param {boolean} exclude
 * @param {string} [position] of the line that has the value
 */
function term(field, value, exclude, position = "") {
  completion.close();
  const query = withTerm(box.value, field, value, exclude);
  if (!place.position || exclude || !position) return box.change(query);
  box.set(query);
  attempt(() => go({ q: query, position }, true));
}

const fields = new Fields(term);
const histogram = new Histogram(
  (since, until) => attempt(() => go({ since, until, position: "" }, true)),
  () => place.since && attempt(() => go({ since: "", until: "", position: "" }, true)),
);
const details = new Details(lines, {
  term,
  top: (field) => fields.reveal(field),
  neighbours: (position) => attempt(() => travel.neighbours(view, position)),
  say,
  query: () => place.q,
});

/**
 * Show another place. The address follows once the server has taken the query.
 * @param {Partial<address.Place>} change
 * @param {boolean} step
 */
async function go(change, step) {
  const next = { ...place, ...change };
  const query = next.q;
  await view.open(next);
  if (query !== view.request.q) return;
  const narrowed = ["q", "since", "until", "last"].some((name) => next[/** @type {"q"} */ (name)] !== place[/** @type {"q"} */ (name)]);
  place = next;
  box.accept();
  address.write(place, step);
  if (narrowed) around();
}

/** What stands around the lines: histogram, fields, the links that know the query. */
function around() {
  const last = /** @type {HTMLSelectElement} */ (byId("last"));
  last.value = place.last || DEFAULT_LAST;
  byId("range").hidden = !place.since && !place.until;
  last.hidden = !byId("range").hidden;
  byId("range-text").textContent = rangeText();
  const { q, since, until } = place;
  /** @type {HTMLAnchorElement} */ (byId("download")).href = api.address("/api/search", { q, since, until, limit: 100000 });
  document.title = q ? `${printable(q)} – logsrv` : "logsrv";
  fields.set({ q, since, until });
  refreshHistogram();
}

function rangeText() {
  const [since, until] = [new Date(place.since), new Date(place.until)];
  if (!Number.isNaN(since.getTime()) && !Number.isNaN(until.getTime())) return span(since, until);
  return [place.since && `since ${place.since}`, place.until && `until ${place.until}`].filter(Boolean).join(", ");
}

let histogramTimer = 0;
let histogramAbort = new AbortController();

/** Ask again every few seconds while it can change; a search that takes long is asked for less often. */
async function refreshHistogram() {
  clearTimeout(histogramTimer);
  histogramAbort.abort();
  const { signal } = (histogramAbort = new AbortController());
  const begin = performance.now();
  const fixed = Boolean(place.since || place.until);
  // Up to now, not up to the last line: that nothing comes any more is to be seen.
  const range = fixed ? { since: place.since, until: place.until } : { since: place.last || DEFAULT_LAST, until: "now" };
  try {
    const answer = await get("/api/histogram", { q: place.q, ...range, buckets: histogram.wanted }, signal);
    if (!signal.aborted) histogram.show(answer);
  } catch {
    // The lines say what is wrong; the old bars stay.
  }
  if (signal.aborted || place.until) return;
  histogramTimer = setTimeout(refreshHistogram, Math.max(document.hidden ? 60_000 : 5000, 5 * (performance.now() - begin)));
}

/** @param {() => Promise<unknown> | unknown} action what a person asked for: its failure is shown */
async function attempt(action) {
  try {
    await action();
  } catch (error) {
    failed(error);
  }
}

/** @param {unknown} error */
function failed(error) {
  if (error instanceof DOMException && error.name === "AbortError") return;
  if (!(error instanceof ApiError)) {
    console.error(error);
    say("This page has failed; load it again.");
  } else if (error.status === 400 && view.opening) box.refuse(error.message, error.at);
  else if (error.status !== 401) say(error.message);
}

let noticeTimer = 0;

/** @param {string} sentence */
function say(sentence) {
  const notice = byId("notice");
  notice.textContent = sentence;
  notice.classList.add("shown");
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => notice.classList.remove("shown"), 5000);
}

const toggle = () => attempt(() => (view.paused && !view.live ? leave() : view.toggle()));
const follow = () => attempt(() => (place.since || place.until || place.position ? leave() : view.follow()));
const leave = () => go({ since: "", until: "", position: "" }, true);

/** @param {-1 | 1} direction */
const seek = (direction) =>
  attempt(async () => {
    if (place.q) await travel.seek(view, direction, (line) => !line.context, place.q);
    else await travel.seek(view, direction, (line) => isProblem(line.level), "level>=warning");
  });

/** @param {number} steps */
function walk(steps) {
  if (!lines.size) return;
  view.pause("reading");
  lines.select(lines.neighbour(steps) ?? lines.selected);
  // Near an end, more lines are loaded before the next step needs them.
  view.scrolled();
}

/** The nearest thing to leave is left: what lies on top first. */
function escape() {
  const open = lines.log.querySelector(".line.open");
  if (completion.open) completion.close();
  else if (document.activeElement === box.input) {
    if (lines.selected) lines.select(lines.selected);
    else lines.scroller.focus();
  } else if (open) details.close(/** @type {HTMLElement} */ (open));
  else if (lines.selected) {
    lines.select(null);
    lines.scroller.focus({ preventScroll: true });
  } else if (fields.shown && matchMedia("(max-width: 60rem)").matches) fields.toggle(false);
  else if (place.since || place.until || place.position) follow();
}

const help = /** @type {HTMLDialogElement} */ (byId("help"));

listen({
  "/": () => box.input.select(),
  j: () => walk(1),
  ArrowDown: () => walk(1),
  k: () => walk(-1),
  ArrowUp: () => walk(-1),
  g: () => attempt(() => travel.toStart(view)),
  Home: () => attempt(() => travel.toStart(view)),
  G: () => follow(),
  End: () => follow(),
  " ": () => toggle(),
  n: () => seek(1),
  N: () => seek(-1),
  f: () => fields.toggle(),
  c: () => lines.selected && attempt(() => travel.neighbours(view, lines.selected?.dataset.position ?? "")),
  "?": () => help.showModal(),
  Enter: () => lines.selected && details.toggle(lines.selected),
  Escape: () => escape(),
});

lines.log.addEventListener("click", (event) => {
  const target = /** @type {Element} */ (event.target);
  const row = /** @type {HTMLElement | null} */ (target.closest(".line"));
  if (!row || target.closest("a, button, .details")) return;
  // Whoever marks text to copy it does not want the line to open.
  if (!getSelection()?.isCollapsed) return;
  view.pause("reading");
  details.toggle(row);
  lines.select(row);
});

byId("pause").addEventListener("click", toggle);
byId("newer").addEventListener("click", follow);
byId("fields-button").addEventListener("click", () => fields.toggle());
byId("fields-close").addEventListener("click", () => fields.toggle(false));
byId("range").addEventListener("click", () => attempt(leave));
byId("help-button").addEventListener("click", () => help.showModal());
byId("help-close").addEventListener("click", () => help.close());
byId("last").addEventListener("change", (event) => {
  const { value } = /** @type {HTMLSelectElement} */ (event.target);
  place = { ...place, last: value === DEFAULT_LAST ? "" : value };
  address.write(place, false);
  refreshHistogram();
});
byId("zone").addEventListener("click", () => {
  setUtc(!isUtc());
  showZone();
  attempt(() => view.open(view.request));
  around();
});
box.input.addEventListener("change", () => remember(box.value));

function showZone() {
  byId("zone").setAttribute("aria-pressed", String(isUtc()));
}

view.addEventListener("lines", (event) => announcer.add(/** @type {CustomEvent} */ (event).detail.lines));
view.addEventListener("failed", (event) => failed(/** @type {CustomEvent} */ (event).detail.error));
for (const name of ["changed", "waiting", "connection", "loading"]) view.addEventListener(name, () => showState(view));

/** Begin with what the address says. */
async function begin() {
  place = address.read();
  box.set(place.q);
  around();
  await attempt(openFirst);
}

/** A link may name a line that has been removed since: then the newest lines are shown, and it is said. */
async function openFirst() {
  try {
    await view.open(place);
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 404 && place.position)) throw error;
    const { position } = place;
    await go({ position: "" }, false);
    say(`The line at ${position} is not in the store, or no longer. These are the newest.`);
  }
}

addEventListener("popstate", begin);
logIn(begin);
showZone();
showState(view);
if (matchMedia("(min-width: 75rem)").matches) fields.toggle(true);
new Health();
begin();
