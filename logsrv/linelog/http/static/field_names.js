/** Names of fields as a query has them: as they are, or in backticks. This alone reads and writes them. */

import { printable } from "./text.js";

/** As `field_names.py` has it: letters with their marks and digits of any script. */
const PLAIN = "[\\p{L}_@][\\p{L}\\p{M}\\p{N}_@./-]*";
/** The source of an expression for a name as it is written; it needs the flag `u`. */
export const WRITTEN = `${PLAIN}|\`(?:[^\`]|\`\`)*\`(?!\`)`;
const IS_PLAIN = new RegExp(`^(?:${PLAIN})$`, "u");
/** These would be read as words of a query where they stand before a space. */
const WORDS = new Set(["AND", "OR", "NOT", "by", "asc", "desc"]);
const IN_LIST = /\s*(`(?:[^`]|``)*`(?!`)|[^,]*)\s*(?:,|$)/gy;
/** The longest name that is offered, in characters. */
const LONGEST = 500;

/**
 * Return whether a text can stand for a name as it is.
 * @param {string} text
 */
export const isPlain = (text) => IS_PLAIN.test(text);

/**
 * Return the name that is written so; one in backticks may be unfinished.
 * @param {string} written
 */
export const nameOf = (written) => (written[0] === "`" ? written.replace(/^`((?:[^`]|``)*)`?$/s, "$1").replaceAll("``", "`") : written);

/**
 * Return what a query has for the field of this name, whatever characters are in it.
 * @param {string} name
 */
export const writtenField = (name) => (isPlain(name) && !WORDS.has(name) ? name : `\`${name.replaceAll("`", "``")}\``);

/**
 * Return whether the search box can ask for a field of this name: it has one line.
 * @param {string} name
 */
export const isField = (name) => name !== "" && name.length <= LONGEST && printable(name) === name && !name.includes("\n");

/**
 * Return the names in a list with commas: ``time,`Request Path`,message``.
 * @param {string} text
 */
export const namesOf = (text) => [...text.matchAll(IN_LIST)].map((found) => nameOf(found[1].trim())).filter(Boolean);
