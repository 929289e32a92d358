/**
 * Log text made safe and readable: a terminal's colours become class names; other control characters, and
 * characters that change the direction of text, are shown as their codes.
 */

/**
 * @typedef {{text: string, style: string}} Run a piece of text in one style (class names)
 */

// The same characters as in logsrv/kit/text/escape.py. A stored ESC is the text `\x1b`.
const SPECIAL =
  /(?:\\x1b|\x1b)\[([0-9;:]{0,60})m|([\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff])/gu;

/** What a code changes, by its tens: usual and bright colours. @type {Map<number, "front" | "back">} */
const LAYERS = new Map([[3, "front"], [9, "front"], [4, "back"], [10, "back"]]);
/** Characters of a text among others. */
const LONGEST = 300;
const NAMES = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];

/**
 * @param {string} message
 * @returns {Run[]}
 */
export function runs(message) {
  SPECIAL.lastIndex = 0;
  let found = SPECIAL.exec(message);
  if (!found) return [{ text: message, style: "" }];
  /** @type {Run[]} */
  const pieces = [];
  let done = 0;
  const colours = { front: "", back: "" };
  const style = () => [colours.front && `fg-${colours.front}`, colours.back && `bg-${colours.back}`].filter(Boolean).join(" ");
  for (; found; found = SPECIAL.exec(message)) {
    if (found.index > done) pieces.push({ text: message.slice(done, found.index), style: style() });
    if (found[2] !== undefined) pieces.push({ text: code(found[2]), style: "escaped" });
    else recolour(colours, found[1] ?? "");
    done = SPECIAL.lastIndex;
  }
  if (done < message.length) pieces.push({ text: message.slice(done), style: style() });
  return pieces;
}

/** @param {string} message */
export const printable = (message) => folded(message).replace(SPECIAL, (all, _, character) => (character === undefined ? all.replace("\x1b", "\\x1b") : code(character)));

/**
 * Return a text on one line. A stored line has no LF, but a field's value or another server's line may have one.
 * @param {string} text
 */
export const folded = (text) => text.replaceAll("\n", "\\x0a");

/**
 * Return a text as its sender wrote it, with line breaks and tabs instead of their codes.
 * @param {string} text
 */
export const unfolded = (text) => text.replace(/(?<!\\)(?:\\x0d)?\\x0a|\r\n/g, "\n").replace(/(?<!\\)\\x09/g, "\t");

/**
 * Return as much of a text as is read among others.
 * @param {string} text
 */
export const shortened = (text) => (text.length > LONGEST ? `${text.slice(0, LONGEST).replace(/[\ud800-\udbff]$/, "")}…` : text);

/**
 * Return a text of white space only in quotes, all but the space as codes; any other text is returned unchanged.
 * @param {string} text
 */
export const visible = (text) => (/^\s+$/.test(text) ? `"${text.replace(/[^ ]/g, (one) => (one === "\t" ? "\\t" : code(one)))}"` : text);

/** @param {string} character */
function code(character) {
  const number = character.charCodeAt(0);
  return number < 0x100 ? `\\x${number.toString(16).padStart(2, "0")}` : `\\u${number.toString(16).padStart(4, "0")}`;
}

/**
 * @param {{front: string, back: string}} colours
 * @param {string} parameters of an SGR sequence: `1;31`
 */
function recolour(colours, parameters) {
  const codes = parameters.split(/[;:]/).map(Number);
  for (let index = 0; index < codes.length; index += 1) {
    const [layer, digit] = [LAYERS.get(Math.floor(codes[index] / 10)), codes[index] % 10];
    if (codes[index] === 0) colours.front = colours.back = "";
    else if (!layer) continue;
    else if (digit < 8) colours[layer] = NAMES[digit];
    else if (codes[index] > 50) continue;
    else if (digit === 9) colours[layer] = "";
    else {
      const rich = codes[index + 1] === 5;
      colours[layer] = rich ? indexed(codes[index + 2]) : nearest(codes[index + 2], codes[index + 3], codes[index + 4]);
      index += rich ? 2 : 4;
    }
  }
}

/**
 * Return the nearest of our eight colours to one of the 256 colours.
 * @param {number} colour
 */
function indexed(colour) {
  if (colour < 16) return NAMES[colour % 8];
  if (colour >= 232) return colour < 244 ? "black" : "white";
  const cube = colour - 16;
  return nearest(Math.floor(cube / 36) * 51, (Math.floor(cube / 6) % 6) * 51, (cube % 6) * 51);
}

/**
 * @param {number} red
 * @param {number} green
 * @param {number} blue
 */
function nearest(red, green, blue) {
  const limit = Math.max(red, green, blue) / 2;
  const bits = Number(red > limit) + 2 * Number(green > limit) + 4 * Number(blue > limit);
  return NAMES[bits] ?? "";
}
