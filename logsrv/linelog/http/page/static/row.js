/** A line as an element: time, source, level, and the message with its colours and marks. */

import { element } from "./dom.js";
import { short } from "./levels.js";
import { folded, printable, runs, unfolded } from "./text.js";
import { figure, ofLine } from "./times.js";

/** @typedef {import("./api.js").Line} Line */
/** @typedef {import("./highlight.js").Highlighter} Highlighter */

/** Characters of a message that are shown before the line is opened. */
export const SHOWN = 2000;
const HUES = 10;
// Names of fields in a message, which are shown paler: `status=` and `"status":`.
const KEY = /(?<![\w.@-])[A-Za-z_@][\w.@-]{0,63}=(?=\S)|"[^"\\]{1,64}"\s?:/g;

/**
 * @param {Line} line
 * @param {Highlighter} highlighter
 */
export function row(line, highlighter) {
  const made = element("div", `line level-${line.level ?? "none"}${line.context ? " context" : ""}`);
  made.dataset.position = line.position;
  made.tabIndex = -1;
  made.setAttribute("role", "row");
  made.setAttribute("aria-expanded", "false");
  const time = element("time", "time");
  time.setAttribute("datetime", line.time);
  const source = element("span", `source hue-${hue(line.source)}`, printable(sourceName(line)));
  source.title = printable(line.source);
  made.append(time, source, element("span", "level", short(line.level)));
  const message = element("span", "message");
  fill(message, line.message, highlighter, SHOWN);
  made.append(message);
  if (line.number !== undefined) {
    made.classList.add("sorted");
    made.prepend(element("span", "number", line.number === null ? "–" : figure(line.number)));
  }
  for (const cell of made.children) cell.setAttribute("role", "gridcell");
  retime(made, line);
  return made;
}

/**
 * Write the time of a line in the chosen zone.
 * @param {HTMLElement} made
 * @param {Line} line
 */
export function retime(made, line) {
  const { clock, day } = ofLine(line.time);
  /** @type {HTMLElement} */ (made.querySelector("time")).textContent = clock;
  made.dataset.on = day;
}

/**
 * Write a message into its element. With `longest`: so many characters, on one line; else all, with line breaks.
 * @param {HTMLElement} message
 * @param {string} text
 * @param {Highlighter} highlighter
 * @param {number} [longest]
 */
export function fill(message, text, highlighter, longest = Infinity) {
  const cut = text.length > longest ? text.slice(0, longest) : text;
  const pieces = runs(longest === Infinity ? unfolded(cut) : folded(cut));
  const plain = pieces.length === 1 ? pieces[0].text : pieces.map((piece) => piece.text).join("");
  /** @param {[number, number][]} ranges */
  const draw = (ranges) => {
    message.replaceChildren(...nodes(pieces, plain, ranges));
    if (cut !== text) message.append(element("span", "more", `… ${text.length - longest} more characters`));
  };
  draw(highlighter.ranges(plain));
  highlighter.later(plain, draw);
}

/**
 * @param {import("./text.js").Run[]} pieces
 * @param {string} plain
 * @param {[number, number][]} marks
 */
function nodes(pieces, plain, marks) {
  const keys = keyRanges(plain);
  if (pieces.length === 1 && !pieces[0].style && !marks.length && !keys.length) return [plain];
  /** @type {(Node | string)[]} */
  const made = [];
  for (const [from, to, marked] of parts(0, plain.length, marks)) {
    const inside = styled(pieces, plain, keys, from, to);
    if (!marked) made.push(...inside);
    else {
      const mark = element("mark");
      mark.append(...inside);
      made.push(mark);
    }
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

/** @param {string} plain */
function keyRanges(plain) {
  /** @type {[number, number][]} */
  const found = [];
  KEY.lastIndex = 0;
  for (let match = KEY.exec(plain); match && found.length < 60; match = KEY.exec(plain)) {
    found.push([match.index, match.index + match[0].length]);
  }
  return found;
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
  const app = line.app ?? [line.fields.app].flat()[0];
  if (app !== undefined && app !== "") return String(app);
  const at = line.source.indexOf("@");
  if (at > 0) return line.source.slice(0, at);
  // The host without the port, which differs for each connection; the opened line shows it.
  return line.source.replace(/^(?:tcp|udp|tls):/, "").replace(/(?<=[\].\w]):\d+$/, "");
}

/** @param {string} source */
function hue(source) {
  // By the listener's name or the host: another port does not change the colour.
  const who = source.includes("@") ? source.slice(0, source.indexOf("@")) : source.replace(/:\d+$/, "");
  let hash = 0;
  for (let index = 0; index < who.length; index += 1) hash = (hash * 31 + who.charCodeAt(index)) >>> 0;
  return hash % HUES;
}
