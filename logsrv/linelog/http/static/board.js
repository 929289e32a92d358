/** The page of a board: saved searches shown together. Without a name it lists the boards. */

import { ApiError, address, get, saved } from "./api.js";
import { BoardImport, exportBoard } from "./board_file.js";
import { BoardPanel } from "./board_panel.js";
import { BoardTime } from "./board_time.js";
import { JointCursor } from "./cursor.js";
import { button, byId, element, option, sayOnce } from "./dom.js";
import { logIn } from "./login.js";
import { NewPanel } from "./new_panel.js";
import { attempt } from "./notice.js";
import { placed } from "./panel_layout.js";
import { onPrint, writeHead } from "./print.js";
import { printable } from "./text.js";
import { counted, moment, zone } from "./times.js";
import { changeBoard, changeParts, withField, withSearch } from "./to_board.js";
import { Variables } from "./variables.js";

/** @typedef {import("../answers.js").SavedPanel} SavedPanel */
/** @typedef {Omit<import("../answers.js").SavedBoard, "name">} Board */
/** @typedef {import("../answers.js").Saved} Saved */

/** Panels that are asked for at the same time: a server has few processes for searches, and other readers. */
const AT_ONCE = 3;
const MOST_PANELS = 12;
/** Milliseconds between two looks whether lines have arrived, and whether searches or the board were changed. */
const LOOK = 2000;
const READ = 20_000;

const given = new URLSearchParams(location.search);
const [name, added] = ["name", "add"].map((one) => given.get(one) ?? "");
const cursor = new JointCursor();
const time = new BoardTime(() => showBoard());
/** @param {string} board */
const linkTo = (board) => address("/board", { name: board });

/** @type {Saved} */
let known = { enabled: false, saved: [], boards: [] };
/** @type {BoardPanel[]} */
let panels = [];
/** Where the store ended at the last look, and the time since which the server does not answer. */
let position = "";
let away = 0;
let looking = false;
/** When the saved searches were read. */
let read = performance.now();
/** The changes so far, one after another: each begins with what the one before has left. */
let changes = Promise.resolve();

const savedBoard = () => known.boards.find((one) => one.name === name);
const savedPanels = () => savedBoard()?.panels ?? [];
/** @param {string} search */
const savedSearch = (search) => known.saved.find((one) => one.name === search);
const variables = new Variables((variable) => panels.find(({ search }) => savedSearch(search)?.template?.some((part) => typeof part !== "string" && part.variable === variable))?.state, showBoard, (variable, field) => changing(() => changeParts(name, (before) => withField(before, variable, field))), () => known.enabled);

/**
 * Change the board, one change after another.
 * @param {(panels: SavedPanel[]) => SavedPanel[]} edit
 * @param {string} [board]
 */
function change(edit, board = name) {
  return changing(() => changeBoard(board, edit));
}

/** @param {() => Promise<Saved>} make */
function changing(make) {
  const done = changes.then(async () => {
    known = await make();
    showBoard();
  });
  changes = done.catch(() => {});
  return done;
}

/**
 * @param {string} search
 * @param {-1 | 1} step
 */
const moved = (search, step) => (/** @type {SavedPanel[]} */ all) => {
  const [from, next] = [all.findIndex((one) => one.search === search), [...all]];
  const to = Math.max(0, Math.min(all.length - 1, from + step));
  if (from >= 0) next.splice(to, 0, ...next.splice(from, 1));
  return next;
};

/**
 * @param {string} search
 * @param {Partial<SavedPanel>} parts
 */
const withParts = (search, parts) => (/** @type {SavedPanel[]} */ all) => all.map((one) => (one.search === search ? { ...one, ...parts } : one));

/** @param {SavedPanel} asSaved */
function panelFor(asSaved) {
  const { search } = asSaved;
  const made = new BoardPanel(search, {
    shape: (as) => attempt(() => change(withParts(search, { as }))),
    time: (whose) => attempt(() => change(withParts(search, { time: whose }))),
    move: (step) => attempt(() => change(moved(search, step))),
    place: (beside) => attempt(() => change((all) => placed(all, search, beside))),
    width: (width) => attempt(() => change(withParts(search, { width: width === "wide" ? width : undefined }))),
    // Who may not change the board still sees the figure.
    figure: (figure) => known.enabled && attempt(() => change(withParts(search, { figure }))),
    remove: () => attempt(async () => {
      const index = savedPanels().findIndex((one) => one.search === search);
      const gone = savedPanels()[index];
      const others = (/** @type {SavedPanel[]} */ all) => all.filter((one) => one.search !== search);
      await change(others);
      offerUndo(search, async () => {
        await change((all) => [...others(all).slice(0, index), gone, ...others(all).slice(index)]);
        panels.find((one) => one.search === search)?.title.focus();
      });
    }),
    ended: turn,
    zoom: (since, until) => time.zoom(since, until),
    zoomOut: () => time.zoomOut(),
  });
  cursor.add(made.chart.band);
  return made;
}

/**
 * Say what was removed, and offer to put it back.
 * @param {string} what
 * @param {() => Promise<void>} restore
 */
function offerUndo(what, restore) {
  const undo = button("Undo", "link", () => attempt(restore));
  byId("board-note").replaceChildren(`Removed: ${printable(what)} `, undo);
  undo.focus();
}

function showBoard() {
  const kept = new Map(panels.map((panel) => [panel.search, panel]));
  panels = savedPanels().map((asSaved) => {
    const panel = kept.get(asSaved.search) ?? panelFor(asSaved);
    kept.delete(asSaved.search);
    panel.set(variables.fill(savedSearch(asSaved.search)), asSaved, time.shown);
    return panel;
  });
  variables.show(panels.flatMap(({ search }) => savedSearch(search) ?? []), savedBoard()?.variables ?? {});
  for (const gone of kept.values()) {
    gone.stop();
    cursor.remove(gone.chart.band);
  }
  const focused = /** @type {HTMLElement | null} */ (document.activeElement);
  byId("panels").replaceChildren(...panels.map(({ part }) => part));
  if (byId("panels").contains(focused)) focused?.focus();
  offer();
  turn();
}

/** Offer the searches that the board does not have. */
function offer() {
  const there = new Set(panels.map(({ search }) => search));
  const others = known.saved.filter((one) => !there.has(one.name));
  const some = others.map((one) => option(one.name, printable(one.name)));
  byId("add").replaceChildren(...(some.length ? some : [option("", "all are here")]));
  for (const one of byId("add-form").querySelectorAll("select, button")) one.toggleAttribute("disabled", !some.length);
  byId("export").hidden = !savedBoard();
  byId("add-form").hidden = !known.enabled || !known.saved.length || panels.length >= MOST_PANELS;
  byId("new-panel").hidden = !known.enabled || panels.length >= MOST_PANELS;
  const none = panels.length ? "" : `${known.boards.some((one) => one.name === name) ? "This board has no panels." : "There is no such board yet."} `;
  const how = !known.saved.length ? "The server has no saved searches. Type a query below." : none && "Type a query below, or add a saved search.";
  sayOnce("board-note", !known.enabled ? whyNot() : panels.length ? time.problem : none + how);
}

/** Ask for the panels that need it, the one that has waited longest first. */
function turn() {
  if (document.hidden || away) return;
  const due = panels.filter((panel) => panel.isDue(position)).sort((a, b) => a.asked - b.asked);
  const free = AT_ONCE - panels.filter((panel) => panel.asking).length;
  for (const panel of due.slice(0, Math.max(0, free))) panel.refresh(position);
}

/** Read the saved searches, which another reader may have changed. */
async function readSaved() {
  await changes;
  const before = JSON.stringify(known);
  read = performance.now();
  known = await saved("GET");
  if (JSON.stringify(known) !== before) showBoard();
}

/** Look whether lines have arrived. */
async function look() {
  if (document.hidden || looking) return;
  looking = true;
  try {
    position = (await get("/api/stats")).position;
    away = 0;
    if (performance.now() > read + READ) await readSaved();
  } catch (error) {
    if (error instanceof ApiError && error.status === 0) away ||= Date.now();
  }
  looking = false;
  sayOnce("trouble", away ? `The server has not answered since ${moment(new Date(away))}. This page goes on by itself when it does.` : "");
  byId("banner").hidden = !away;
  turn();
}

/** Return why nothing can be saved: by nobody, or not by this reader. */
const whyNot = () => known.why_not || "This server saves nothing; --saved FILE lets it.";

/** List the boards; of a search to add, each with a button that adds it. */
function showList() {
  byId("board-list").replaceChildren(...known.boards.map((board) => {
    const link = /** @type {HTMLAnchorElement} */ (element("a", "name", printable(board.name)));
    link.href = linkTo(board.name);
    const note = element("span", "note", counted(board.panels.length, "panel"));
    const act = added
      ? button("Add to it", "link", () => attempt(() => addTo(board.name)), `Add to it: ${printable(board.name)}`)
      : button("×", "exclude", () => attempt(() => remove(board.name)), `Remove ${printable(board.name)}`);
    return element("li", "", link, note, known.enabled ? act : "");
  }));
  const what = added ? `Add “${printable(added)}” to one of these, or to a new one.` : known.boards.length ? "" : "There are no boards yet. Name one.";
  sayOnce("board-note", known.enabled ? what : whyNot());
  byId("new-board").hidden = !known.enabled;
  byId("import-form").hidden = !known.enabled || Boolean(added);
}

/**
 * Add a search to a board, as the last panel.
 * @param {string} search
 * @param {string} [board]
 * @param {string} [query]
 */
const add = (search, board = name, query = savedSearch(search)?.q) => change((all) => withSearch(all, search, query ?? ""), board);

/** @param {string} board */
async function addTo(board) {
  await add(added, board);
  location.assign(linkTo(board));
}

/** @param {string} board */
async function remove(board) {
  // Another reader may have changed it since it was listed, or made a new one before it comes back.
  const find = async () => (known = await saved("GET")).boards.find((one) => one.name === board);
  const gone = await find();
  if (gone) known = await saved("DELETE", board);
  showList();
  if (gone) offerUndo(board, async () => {
    const { name: _, ...parts } = gone;
    if (!(await find())) known = await saved("PUT", board, parts);
    showList();
    byId("board-name").focus();
  });
}

async function begin() {
  await attempt(async () => {
    known = await saved("GET");
    if (!name) return showList();
    await look();
    showBoard();
  });
}

/** Write the head of a printed board. */
function printHead() {
  writeHead({ Server: location.host, Board: printable(name), Time: time.words, ...variables.printed });
}

if (name) new NewPanel(() => time.scope, () => known.saved, (search, query) => attempt(() => add(search, name, query)));
const heading = name || "Boards";
byId("board-heading").textContent = printable(heading);
document.title = `${printable(heading)} – logsrv`;
byId("board").hidden = byId("time-choice").hidden = !name;
byId("boards").hidden = Boolean(name);
byId("zone-name").textContent = zone().name;
byId("add-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const search = /** @type {HTMLSelectElement} */ (byId("add")).value;
  attempt(() => add(search));
});
byId("export").addEventListener("click", () => {
  const board = savedBoard();
  if (board) exportBoard(name, board, known.saved);
});
new BoardImport((board) => location.assign(linkTo(board)));
byId("new-board").addEventListener("submit", (event) => {
  event.preventDefault();
  const board = /** @type {HTMLInputElement} */ (byId("board-name")).value.trim();
  if (board) attempt(() => (added ? addTo(board) : location.assign(linkTo(board))));
});
document.addEventListener("visibilitychange", look);
onPrint(printHead, () => panels.forEach((panel) => panel.again()));
logIn(begin);
begin();
if (name) setInterval(look, LOOK);
