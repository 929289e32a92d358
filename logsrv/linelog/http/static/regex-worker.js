/** A worker that finds the matches of expressions in texts. The page ends it if it takes too long. */

/** @type {RegExp[]} */
let compiled = [];

addEventListener("message", ({ data }) => {
  if (data.regexes) {
    compiled = data.regexes.flatMap(compile);
    postMessage({ number: 0, ranges: [] });
  } else postMessage({ number: data.number, ranges: compiled.flatMap((regex) => ranges(regex, data.text)) });
});

/**
 * Return the nearest JavaScript equivalent of an expression of the query language; empty if there is none.
 * @param {string} source
 * @returns {RegExp[]}
 */
function compile(source) {
  const flags = /^\(\?[a-z]+\)/.exec(source)?.[0] ?? "";
  const rest = source.slice(flags.length).replace(/\(\?P</g, "(?<");
  const capital = /[A-Z]/.test(rest.replace(/\\./g, ""));
  try {
    return [new RegExp(rest, capital && !flags.includes("i") ? "g" : "gi")];
  } catch {
    return [];
  }
}

/**
 * @param {RegExp} regex
 * @param {string} text
 * @returns {[number, number][]}
 */
function ranges(regex, text) {
  /** @type {[number, number][]} */
  const found = [];
  for (const match of text.matchAll(regex)) {
    if (found.length >= 200) break;
    if (match[0]) found.push([match.index, match.index + match[0].length]);
  }
  return found;
}
