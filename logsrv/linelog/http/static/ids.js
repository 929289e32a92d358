/** The ids in a line, such as those of a request or a trace: what other lines of any source have, too. */

/** @typedef {import("./api.js").Line} Line */

/** UUIDs, ULIDs, and hexadecimal ids from those of a span on, which have a letter and a digit. */
const IDS = /(?<![\w-])(?:[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-7][0-9A-HJKMNP-TV-Z]{25}|(?=[0-9]*[a-f])(?=[a-f]*[0-9])[0-9a-f]{16,64})(?![\w-])/gi;
/** Names of fields that have ids, whatever these look like. */
const NAMED = /(?:^|[._-])(?:request|req|trace|correlation|transaction|session|span)[._-]?id$/i;
const WORD = /^[\w.:/+=-]{4,200}$/;
const MOST = 6;

/**
 * Return the ids in a line, those of its fields first, each once.
 * @param {Line} line
 */
export function idsOf({ fields, message }) {
  const named = Object.entries(fields).filter(([name, value]) => NAMED.test(name) && WORD.test(String(value))).map(([, value]) => String(value));
  const found = [...message.slice(0, 20_000).matchAll(IDS)].map(([id]) => id);
  return [...new Set([...named, ...found])].slice(0, MOST);
}
