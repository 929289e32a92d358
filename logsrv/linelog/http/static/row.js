/** A line as an element: time, source, level or the chosen columns, and the message with its colours and marks. */

import { valueOf } from "./columns.js";
import { button, cell, element } from "./dom.js";
import { short } from "./levels.js";
import { compare } from "./position.js";
import { bodyOf, hostnameOf, originOf, programOf, summarize } from "./summary.js";
import { folded, printable, runs, unfolded } from "./text.js";
import { counted, figure, ofLine } from "./times.js";
import { shown as shownNumber } from "./units.js";

/** @typedef {import("./api.js").Line} Line */
/** @typedef {import("./highlight.js").Highlighter} Highlighter */

/** Characters of a message that are shown before the line is opened. */
const SHOWN = 2000;
/** Characters of an unfolded record that are shown before it is opened: the server joins no more. */
const UNFOLDED = 1 << 18;
const HUES = 10;
// What may be the name of a field in a message: `status=`, `größe=` and `"status":`. Only names of the line's fields are shown paler.
const KEY = /(?<![\p{L}\p{M}\p{N}_.@-])[\p{L}_@][\p{L}\p{M}\p{N}_.@-]{0,63}=(?=\S)|"[^"\\]{1,64}"\s?:/gu;

/** The cells of lines without chosen columns; a copy of them costs less than new elements. */
const CELLS = ["time", "source", "level", "message"].map((name) => cell(name === "time" ? "time" : "span", name));

/**
 * @param {Line} line
 * @param {Highlighter} highlighter
 * @param {string[]} [columns] fields with a cell of their own; none: time, source and level
 * @param {import("./units.js").Format | null} [format] of the numbers of sorted lines
 */
export function row(line, highlighter, columns = [], format = null) {
  const made = element("div", `line level-${line.level ?? "none"}${line.context ? " context" : ""}${line.number === undefined ? "" : " sorted"}`);
  made.dataset.position = line.position;
  made.tabIndex = -1;
  made.setAttribute("role", "row");
  made.setAttribute("aria-expanded", "false");
  const message = /** @type {HTMLElement} */ (CELLS[3].cloneNode());
  made.append(...cells(line, columns, format), message);
  const breaks = fillSummary(message, line, highlighter, columns);
  if (breaks) showFold(made, breaks, false);
  retime(made, line);
  return made;
}

/**
 * Show other columns in a line, and its level.
 * @param {HTMLElement} made
 * @param {Line} line
 * @param {string[]} columns
 * @param {import("./units.js").Format | null} [format] of the numbers of sorted lines
 */
export function recolumn(made, line, columns, format = null) {
  const message = /** @type {HTMLElement} */ (made.querySelector(".message"));
  made.className = made.className.replace(/\blevel-\w+/, `level-${line.level ?? "none"}`);
  while (made.firstChild && made.firstChild !== message) made.firstChild.remove();
  message.before(...cells(line, columns, format));
  retime(made, line);
}

/**
 * Return the cells before the message; first the number by which lines are sorted.
 * @param {Line} line
 * @param {string[]} columns
 * @param {import("./units.js").Format | null} format
 */
function cells(line, columns, format) {
  const [time, source, level] = CELLS.slice(0, 3).map((one) => /** @type {HTMLElement} */ (one.cloneNode()));
  time.setAttribute("datetime", line.time);
  level.textContent = short(line.level);
  const number = line.number === undefined ? [] : [cell("span", "number", numberText(line.number, format))];
  // Chosen columns are all that is shown, also of sorted lines.
  if (columns.length) return [...columns.map((name) => (name === "time" ? time : name === "level" ? level : valueCell(line, name)))];
  const host = hostnameOf(line);
  const name = host || sourceName(line);
  source.classList.add(`hue-${hue(host || line.source)}`);
  source.textContent = printable(name);
  source.title = printable(host ? `${host}, from ${line.source}` : line.source);
  return [...number, time, source, level];
}

/** @param {number | null} value @param {import("./units.js").Format | null} format */
const numberText = (value, format) => (value === null ? "–" : format ? shownNumber(value, format) : figure(value));

/**
 * Show the number of a sorted line as those of the others: in one unit, with as many decimals.
 * @param {HTMLElement} made
 * @param {Line} line
 * @param {import("./units.js").Format} format
 */
export function renumber(made, { number = null }, format) {
  const shown = made.querySelector(":scope > .number");
  if (shown) shown.textContent = numberText(number, format);
}

/** A value that is aligned with others by its last digit. */
const NUMBER = /^-?\d+(?:\.\d+)?$/;

/**
 * @param {Line} line
 * @param {string} name
 */
function valueCell(line, name) {
  const value = valueOf(line, name);
  const shown = printable(value.length > SHOWN ? value.slice(0, SHOWN) : value);
  const made = cell("span", name === "hostname" ? `source hue-${hue(value)}` : NUMBER.test(value) ? "source right" : "source", shown);
  made.title = `${printable(name)}: ${shown}`;
  return made;
}

/**
 * Write the time of a line in the chosen zone.
 * @param {HTMLElement} made
 * @param {Line} line
 */
export function retime(made, line) {
  const { clock, day } = ofLine(line.time);
  const first = made.firstElementChild;
  const time = first?.localName === "time" ? first : made.querySelector(":scope > time");
  if (time) time.textContent = clock;
  made.dataset.on = day;
}

/**
 * Show how many more lines the record of a row has, as a button.
 * @param {HTMLElement} made
 * @param {number} lines
 * @param {boolean} isShown
 */
export function showFold(made, lines, isShown) {
  made.classList.toggle("record", lines > 0);
  let fold = made.querySelector(":scope > .fold");
  if (!lines) return fold?.remove();
  if (!fold) {
    fold = cell("span", "fold", button("", "", () => made.dispatchEvent(new CustomEvent("fold", { bubbles: true }))));
    made.querySelector(":scope > .message")?.after(fold);
  }
  const pressed = /** @type {Element} */ (fold.firstElementChild);
  pressed.textContent = `${isShown ? "−" : "+"}${lines}`;
  pressed.setAttribute("aria-label", `Show ${counted(lines, "more line")} of this record`);
  pressed.setAttribute("aria-expanded", String(isShown));
}

/**
 * Return the lines of a record as their sender wrote them.
 * @param {Line[]} record
 */
export const textsOf = ([first, ...others]) => [first.message, ...others.map(bodyOf)].map(unfolded);

/**
 * Write a whole record into the element of a message, with line breaks.
 * @param {HTMLElement} message
 * @param {Line[]} record
 * @param {Line} line of the record, which is marked if it is not the first
 * @param {Highlighter} highlighter
 */
export function fill(message, record, line, highlighter) {
  const texts = textsOf(record);
  const at = record.findLastIndex((one) => compare(one.position, line.position) <= 0);
  if (at <= 0) return write(message, runs(texts.join("\n")), highlighter, record, 0);
  const parts = [texts.slice(0, at).concat("").join("\n"), texts[at], ["", ...texts.slice(at + 1)].join("\n")].map(runs);
  parts[1] = parts[1].map((piece) => ({ ...piece, style: `${piece.style} itself` }));
  write(message, parts.flat(), highlighter, record, 0);
}

/**
 * Write what a closed line shows of its message into its element: the first line of it, or all of its record.
 * @param {HTMLElement} message
 * @param {Line} line
 * @param {Highlighter} highlighter
 * @param {string[]} columns
 * @param {Line[] | null} [further] the other lines of its record if all is shown
 * @returns {number} the other lines of the message itself
 */
export function fillSummary(message, line, highlighter, columns, further = null) {
  const pieces = [];
  let room = further ? UNFOLDED : SHOWN;
  let rest = 0;
  let breaks = 0;
  for (const { text: all, style } of summarize(line, columns)) {
    const lines = !style && (all.includes("\n") || all.includes("\\x0a")) ? unfolded(all).trimEnd().replace(/^\n+/, "").split("\n") : [all];
    breaks += lines.length - 1;
    const text = further ? lines.join("\n") : lines[0];
    const cut = text.length > room ? text.slice(0, room) : text;
    room -= cut.length;
    rest += text.length - cut.length;
    for (const piece of runs(further ? cut : folded(cut))) pieces.push(style && !piece.style ? { ...piece, style } : piece);
  }
  if (further?.length) pieces.push(...runs(["", ...further.map(bodyOf).map(unfolded)].join("\n")));
  write(message, pieces, highlighter, [line, ...(further ?? [])], rest);
  return breaks;
}

/**
 * @param {HTMLElement} message
 * @param {import("./text.js").Run[]} pieces
 * @param {Highlighter} highlighter
 * @param {Line[]} lines of which the pieces are
 * @param {number} rest the number of characters that are not shown
 */
function write(message, pieces, highlighter, lines, rest) {
  const plain = pieces.length === 1 ? pieces[0].text : pieces.map((piece) => piece.text).join("");
  /** @param {[number, number][]} ranges */
  const draw = (ranges) => {
    message.replaceChildren(...nodes(pieces, plain, keyRanges(plain, lines), ranges));
    if (rest) message.append(element("span", "more", `… ${rest} more characters`));
  };
  draw(highlighter.ranges(plain));
  highlighter.later(plain, draw);
}

/**
 * @param {import("./text.js").Run[]} pieces
 * @param {string} plain
 * @param {[number, number][]} keys
 * @param {[number, number][]} marks
 */
function nodes(pieces, plain, keys, marks) {
  if (pieces.length === 1 && !pieces[0].style && !marks.length && !keys.length) return [plain];
  /** @type {(Node | string)[]} */
  const made = [];
  for (const [from, to, marked] of parts(0, plain.length, marks)) {
    const inside = styled(pieces, plain, keys, from, to);
    made.push(...(marked ? [element("mark", "", ...inside)] : inside));
  }
  return made;
}

/**
 * Return the part of a message from `from` to `to`, with an element for each colour.
 * @param {import("./text.js").Run[]} pieces
 * @param {string} plain
 * @param {[number, number][]} keys
 * @param {number} from
 * @param {number} to
 */
function styled(pieces, plain, keys, from, to) {
  const made = [];
  let at = 0;
  for (const piece of pieces) {
    const end = at + piece.text.length;
    for (const [start, stop, key] of parts(Math.max(at, from), Math.min(end, to), keys)) {
      const style = piece.style || (key ? "key" : "");
      const text = plain.slice(start, stop);
      made.push(style ? element("span", style, text) : text);
    }
    at = end;
  }
  return made;
}

/**
 * Return where the names of fields are in a text.
 * @param {string} plain
 * @param {Line[]} lines
 * @returns {[number, number][]}
 */
function keyRanges(plain, lines) {
  const found = [...plain.matchAll(KEY)];
  if (!found.length) return [];
  const names = new Set(lines.flatMap(({ fields }) => Object.keys(fields).flatMap((name) => [name, ...name.split(".")])));
  return found
    .filter(([key]) => names.has(key[0] === '"' ? key.slice(1, key.lastIndexOf('"')) : key.slice(0, -1)))
    .slice(0, 60)
    .map((match) => [match.index, match.index + match[0].length]);
}

/**
 * Cut the span from `start` to `end` at the ends of ranges; true for parts that lie in a range.
 * @param {number} start
 * @param {number} end
 * @param {[number, number][]} ranges
 * @returns {[number, number, boolean][]}
 */
function parts(start, end, ranges) {
  /** @type {[number, number, boolean][]} */
  const found = [];
  let at = start;
  for (const [from, to] of ranges) {
    if (to <= at) continue;
    if (from >= end) break;
    if (from > at) found.push([at, from, false]);
    found.push([Math.max(from, at), Math.min(to, end), true]);
    at = Math.min(to, end);
  }
  if (at < end) found.push([at, end, false]);
  return found;
}

/**
 * Return the name of the program or the listener, or without one the address.
 * @param {Line} line
 */
function sourceName(line) {
  const app = programOf(line);
  if (app) return app;
  const at = line.source.indexOf("@");
  if (at > 0) return line.source.slice(0, at);
  // Of an import, the file's name; the title has its path.
  if (line.source.startsWith("file:")) return line.source.slice(line.source.lastIndexOf("/") + 1).replace(/^file:/, "");
  // The host without the port, which differs for each connection; the opened line shows it.
  return originOf(line).replace(/^(?:tcp|udp|tls):/, "");
}

/** @param {string} source */
function hue(source) {
  // By the listener's name or the host: another port does not change the colour.
  const who = source.includes("@") ? source.slice(0, source.indexOf("@")) : source.replace(/:\d+$/, "");
  let hash = 0;
  for (let index = 0; index < who.length; index += 1) hash = (hash * 31 + who.charCodeAt(index)) >>> 0;
  return hash % HUES;
}
