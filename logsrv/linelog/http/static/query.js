/** The query language for the page: the atoms of a query, and adding a term. `stages.js` has what follows `|`. */

import { isPlain, nameOf, writtenField, WRITTEN } from "./field_names.js";

/**
 * @typedef {object} Atom
 * @property {"word" | "phrase" | "regex" | "field" | "name"} kind name: in backticks, and nothing compares it yet
 * @property {string} text the word, phrase, expression or name; of a field, its value
 * @property {number} start
 * @property {number} end
 * @property {boolean} negated
 * @property {boolean} inner inside brackets
 * @property {string} [field] its name, not as it is written
 * @property {number} [nameEnd] where its name ends
 * @property {string} [operator]
 */

const FIELD = new RegExp(`^(${WRITTEN})(!=|<=|>=|=|<|>|~|:(?!//))`, "u");
/** A list of values, which may be unfinished: `status in (500, "a b")`. */
const LIST = new RegExp(`^(${WRITTEN})\\s+in\\s*\\((?:"(?:[^"\\\\]|\\\\.)*(?:"|$)|[^"()])*\\)?`, "su");
/** A name in backticks, which may be unfinished. */
const TICKED = /^`(?:[^`]|``)*(?:`(?!`)|$)/;
const OR = /(^|[\s)])OR([\s(]|$)/;
/** Fields of every line. If a message has a field with such a name, it is called `fields.NAME`. */
const ALWAYS = new Set(["time", "source", "name", "host", "port", "position", "message", "level"]);

/** A `|` that stands alone ends a filter. */
const PIPE = /^\|(\s|$)/;

/**
 * Return the atoms of a query's filter, which may be unfinished. Of brackets, only a NOT before them is noted.
 * @param {string} query
 * @param {number} [start] where the filter begins
 * @returns {Atom[]}
 */
export const atoms = (query, start = 0) => filterAt(query, start).found;

/**
 * Return the atoms of the filter that begins at `start`, and where it ends: at a `|` or with the query.
 * @param {string} query
 * @param {number} start
 */
export function filterAt(query, start) {
  /** @type {Atom[]} */
  const found = [];
  const outer = [false];
  let not = false;
  let index = start;
  while (index < query.length) {
    const character = query[index];
    if (PIPE.test(query.slice(index, index + 2))) break;
    if (/\s/.test(character)) index += 1;
    else if (character === "(") {
      outer.push(outer[outer.length - 1] !== not);
      not = false;
      index += 1;
    } else if (character === ")") {
      if (outer.length > 1) outer.pop();
      index += 1;
    } else if (character === "-" && /[^\s()-]|\(/.test(query[index + 1] ?? "")) {
      not = !not;
      index += 1;
    } else {
      const atom = atomAt(query, index);
      index = atom.end;
      if (atom.kind === "word" && ["AND", "OR"].includes(atom.text)) continue;
      if (atom.kind === "word" && atom.text === "NOT") {
        not = !not;
        continue;
      }
      atom.negated = outer[outer.length - 1] !== not;
      atom.inner = outer.length > 1;
      not = false;
      found.push(atom);
    }
  }
  return { found, end: Math.min(index, query.length) };
}

/**
 * @param {string} query
 * @param {number} start
 * @returns {Atom}
 */
function atomAt(query, start) {
  const rest = query.slice(start);
  const listed = LIST.exec(rest);
  if (listed) {
    const [nameEnd, end] = [start + listed[1].length, start + listed[0].length];
    return { kind: "field", text: rest.slice(listed[1].length, listed[0].length).trim(), start, end, negated: false, inner: false, field: nameOf(listed[1]), nameEnd, operator: "in" };
  }
  const field = FIELD.exec(rest);
  const at = field ? start + field[0].length : start;
  const named = field ? { field: nameOf(field[1]), nameEnd: start + field[1].length, operator: field[2] } : {};
  const value = query.slice(at);
  const quoted = /^"((?:[^"\\]|\\.)*)("?)/.exec(value);
  const regex = !field || field[2] === "~" ? /^\/((?:[^/\\]|\\.)+)\/(?=\s|\)|$)/.exec(value) : null;
  const plain = /^[^\s()"]*/.exec(value)?.[0] ?? "";
  const name = field ? "" : (TICKED.exec(rest)?.[0] ?? "");
  if (name && (name.length > plain.length || !/^`.*`$/s.test(name))) {
    return { kind: "name", text: nameOf(name), start, end: start + name.length, negated: false, inner: false };
  }
  const length = quoted ? quoted[0].length : regex ? regex[0].length : plain.length;
  const kind = field ? "field" : quoted ? "phrase" : regex ? "regex" : "word";
  const text = quoted ? quoted[1].replace(/\\(["\\])/g, "$1") : regex ? regex[1].replace(/\\\//g, "/") : plain;
  return { kind, text, start, end: Math.max(at + length, start + 1), negated: false, inner: false, ...named };
}

/**
 * Return the name by which a query finds a field of a message.
 * @param {string} name
 */
export const fieldName = (name) => (ALWAYS.has(name) ? `fields.${name}` : name);

/** @param {string} value */
export const quoted = (value) => (/^[^\s()"\\]+$/.test(value) && value !== "*" ? value : `"${value.replace(/["\\]/g, "\\$&")}"`);

/**
 * Return the query with `field=value` required or excluded. The opposite term is removed if it stands alone.
 * @param {string} query
 * @param {string} field
 * @param {string | null} value null: any, `field=*`
 * @param {boolean} exclude
 */
export function withTerm(query, field, value, exclude) {
  const term = `${writtenField(field)}=${value === null ? "*" : quoted(value)}`;
  let rest = query;
  for (const atom of atoms(query).reverse()) {
    if (atom.field !== field || atom.operator !== "=" || atom.text !== (value ?? "*")) continue;
    // In quotes the asterisk is a value.
    if (query.slice(atom.start, atom.end).endsWith("=*") !== (value === null)) continue;
    if (atom.negated === exclude) return query;
    // Beside OR or inside brackets the term means something else, and the rest may mean nothing without it.
    if (atom.inner || OR.test(query)) continue;
    const before = rest.slice(0, atom.start).replace(/(\bAND\s+)?(-|\bNOT\s+)*$/, "").trimEnd();
    const after = rest.slice(atom.end).replace(before ? /^\s+/ : /^\s+(AND\s+)?/, "");
    rest = `${before} ${after}`;
  }
  rest = rest.trim();
  if (OR.test(rest) && !/^\([^()]*\)$/.test(rest)) rest = `(${rest})`;
  return [rest, exclude ? `-${term}` : term].filter(Boolean).join(" ");
}

/**
 * Return a query for the lines that two queries both find.
 * @param {string} query
 * @param {string} other one without OR
 */
export function withBoth(query, other) {
  const rest = query.trim();
  return [OR.test(rest) ? `(${rest})` : rest, other].filter(Boolean).join(" ");
}

/**
 * Return the piece at the cursor that can be completed: the name of a field, or its value.
 * @param {string} query
 * @param {number} cursor
 * @param {number} [begin] where its filter begins
 * @returns {{kind: "field" | "value", field: string, typed: string, start: number, end: number} | null}
 */
export function pieceAt(query, cursor, begin = 0) {
  const atom = atoms(query, begin).find((one) => one.start < cursor && cursor <= one.end);
  if (!atom) return { kind: "field", field: "", typed: "", start: cursor, end: cursor };
  const before = query.slice(atom.start, cursor);
  if (atom.kind === "name" || (atom.kind === "word" && isPlain(before))) {
    return { kind: "field", field: "", typed: nameOf(before), start: atom.start, end: atom.end };
  }
  if (atom.kind !== "field" || ["~", "in"].includes(atom.operator ?? "")) return null;
  const name = atom.nameEnd ?? cursor;
  if (cursor <= name) return { kind: "field", field: "", typed: nameOf(before), start: atom.start, end: name };
  const start = name + (atom.operator ?? "").length;
  if (cursor < start) return null;
  const typed = query.slice(start, cursor).replace(/^"/, "");
  return { kind: "value", field: atom.field ?? "", typed, start, end: atom.end };
}
