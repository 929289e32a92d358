/** What a row shows of a line: its host, its program, and the message without what the other columns show. */

import { FORMS } from "./line_forms.js";
import { size } from "./times.js";

/** @typedef {import("./api.js").Line} Line */
/** @typedef {{text: string, style: string}} Part a piece of a row's message; style: a class name, or "" */

const { hostnames: HOSTNAMES, messages: MESSAGES } = FORMS;
/** Keys of the message that a record of logfmt has; its other fields may have the names of others. */
const MESSAGES_OF_PAIRS = MESSAGES.slice(0, 2);
/** The key of the program has one of these words: `service.name`, `attrs.tag`, `SYSLOG_IDENTIFIER`. */
const PROGRAM = /app|name|logger|service|program|tag|identifier|_comm/i;
/** Keys of JSON that repeat the columns of level and time. */
const LEVELS = new Set(["level", "severity", "lvl", "levelname", "loglevel", "log.level"]);
const TIMES = new Set(["time", "timestamp", "@timestamp", "ts"]);
/** Fields of a syslog header, beside those of its structured data. */
const HEADER = new Set(["facility", "severity", "timestamp", "hostname", "app", "pid", "msgid", "text"]);
const HEADER_BEGIN = /^(?:<\d{1,3}>|[A-Z][a-z]{2} [ \d]\d |\d{4}-\d\d-\d\dT)/;
/** A request in an access log, with what is before and behind it. */
const REQUEST = new RegExp(`^(.*?)${FORMS.request}(.*)$`, "s");
/** Characters of a path that never has to be cut. */
const SHORT_PATH = 24;
/** Fields with the seconds that a request took. */
const SECONDS = ["rt", "request_time"];
/** A message that is pairs of logfmt and nothing else. */
const PAIRS = /^[^\s="]+=(?:"(?:[^"\\]|\\.)*"|[^\s"]*)(?:\s+[^\s="]+=(?:"(?:[^"\\]|\\.)*"|[^\s"]*))+\s*$/;
const STRUCTURED_DATA = /(?:\[(?:[^\]\\]|\\.)*\])+(?=\s*$)/;

/**
 * Return the first value of a field as text, or "" without one.
 * @param {unknown} value
 */
const firstText = (value) => String((Array.isArray(value) ? value[0] : value) ?? "");

/**
 * Return the name of the host in the message, or "".
 * @param {Line} line
 */
export function hostnameOf(line) {
  const name = HOSTNAMES.find((one) => line.fields[one] !== undefined);
  return name ? firstText(line.fields[name]) : "";
}

/** The port of a source, which differs for each connection and each datagram. */
const PORT = /(?<=[\].\w]):\d+$/;

/**
 * Return the host in the message, else the source without its port.
 * @param {Line} line
 */
export const originOf = (line) => hostnameOf(line) || line.source.replace(PORT, "");

/** @param {Line} line */
export const programOf = (line) => line.app ?? firstText(line.fields.app);

/**
 * Return the message in parts: the program and what is beside the message are quiet. A message that is neither
 * JSON nor logfmt with a message nor has a syslog header is one part, as it is.
 * @param {Line} line
 * @param {string[]} columns fields that have a column of their own
 * @returns {Part[]}
 */
export function summarize(line, columns) {
  const content = contentOf(line);
  const isJson = /^\{\s*"/.test(content) && content.endsWith("}");
  const hasHeader = content.length < line.message.length;
  const isRecord = isJson || (MESSAGES_OF_PAIRS.some((name) => typeof line.fields[name] === "string") && PAIRS.test(content));
  if (!isRecord && !hasHeader) return requestParts(line, content, columns) ?? [{ text: line.message, style: "" }];
  // Without a host's name, the column of the source has the program.
  const program = columns.includes("app") || !(columns.length || hostnameOf(line)) ? "" : programOf(line);
  const pid = hasHeader && line.fields.pid ? `[${firstText(line.fields.pid)}]` : "";
  const head = { text: program && `${program}${pid}: `, style: "key" };
  if (isRecord) return [head, ...recordParts(line, hasHeader, columns)].filter((part) => part.text);
  const request = requestParts(line, content, columns);
  if (request) return [head, ...request].filter((part) => part.text);
  const data = STRUCTURED_DATA.exec(line.message.slice(0, -content.length || undefined));
  return [head, { text: content, style: "" }, { text: data ? ` ${data[0]}` : "", style: "key" }].filter((part) => part.text);
}

/**
 * Return what a line adds to its record: the message without what is the same in all lines.
 * @param {Line} line
 */
export const bodyOf = (line) => summarize(line, []).map((part) => (part.style ? "" : part.text)).join("").trimEnd();

/**
 * Return the message without its syslog header.
 * @param {Line} line
 */
function contentOf({ message, fields }) {
  const { text } = fields;
  if (typeof text !== "string" || !text || !HEADER_BEGIN.test(message) || !message.endsWith(text)) return message;
  // A field `text=…` of the content ends the message too.
  return /\s/.test(message[message.length - text.length - 1] ?? "") ? text : message;
}

/**
 * Return a line of an access log as its request and the answer; behind them, quiet, the client, the date and all else.
 * @param {Line} line
 * @param {string} content
 * @param {string[]} columns
 * @returns {Part[] | null} null for any other line
 */
function requestParts({ fields }, content, columns) {
  const { method, path, status } = fields;
  const found = method && path && status ? REQUEST.exec(content) : null;
  if (!found) return null;
  const seconds = SECONDS.find((name) => fields[name] !== undefined);
  /** @type {[string, unknown, string][]} */
  const parts = [
    ["method", method, ""],
    ["path", path, String(path).length > SHORT_PATH ? "path" : ""],
    ["status", status, /^[45]/.test(String(status)) ? `status-${String(status)[0]}` : ""],
    ["bytes", fields.bytes === undefined ? "" : size(Number(fields.bytes)), ""],
    [seconds ?? "", seconds ? `${fields[seconds]} s` : "", ""],
  ];
  /** @type {Part[]} */
  const shown = [];
  for (const [name, value, style] of parts) {
    if (!value || columns.includes(name)) continue;
    const last = shown.at(-1);
    // Few pieces are few elements.
    if (last && !last.style && !style) last.text += `${value} `;
    else shown.push(...(style ? [{ text: String(value), style }, { text: " ", style: "" }] : [{ text: `${value} `, style }]));
  }
  const behind = `${found[1]}${found[2].trim()}`.trim();
  return [...shown, { text: ` ${behind}`, style: "key" }];
}

/**
 * Return the field with the message of a record; undefined without one.
 * @param {Line} line
 * @param {boolean} hasHeader
 */
const messageKey = ({ fields }, hasHeader) => MESSAGES.find((name) => typeof fields[name] === "string" && fields[name] && !(hasHeader && HEADER.has(name)));

/**
 * Return a record of JSON or logfmt as its message and its other fields; without a message as its fields.
 * @param {Line} line
 * @param {boolean} hasHeader
 * @param {string[]} columns
 * @returns {Part[]}
 */
function recordParts(line, hasHeader, columns) {
  const { fields } = line;
  const program = programOf(line);
  const isInHeader = (/** @type {string} */ name) => hasHeader && HEADER.has(name);
  const key = messageKey(line, hasHeader);
  const host = hostnameOf(line);
  const pairs = [];
  for (const [name, value] of Object.entries(fields)) {
    if (name === key || isInHeader(name) || TIMES.has(name) || columns.includes(name)) continue;
    if (line.level && LEVELS.has(name)) continue;
    if (typeof value === "string" && ((value === host && HOSTNAMES.includes(name)) || (value === program && PROGRAM.test(name)))) continue;
    pairs.push(`${name}=${valueText(value)}`);
  }
  const rest = pairs.join(" ");
  if (!key) return [rest ? { text: rest, style: "" } : { text: line.message, style: "" }];
  return [{ text: String(fields[key]), style: "" }, { text: rest && ` ${rest}`, style: "key" }];
}

/** @param {unknown} value */
function valueText(value) {
  const text = Array.isArray(value) ? value.join(",") : String(value);
  return text === "" || /[\s"]/.test(text) ? JSON.stringify(text) : text;
}
