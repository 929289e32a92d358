/** Chosen columns: fields that each line shows in cells of their own, before the message. */

import { button, byId, element } from "./dom.js";
import { isField, namesOf, writtenField } from "./field_names.js";
import { programOf } from "./summary.js";
import { printable } from "./text.js";

/** @typedef {import("./api.js").Line} Line */

const MOST = 8;
/** Columns that stay when the first field is chosen. */
const FIRST = ["time", "level"];
const WIDTHS = new Map([["time", "12.6ch"], ["level", "8ch"]]);

/** A stored source: listener, address and port of the peer. */
const SOURCE = /^(?:([^@]+)@)?(?:tcp|udp|tls):(.+?)(?::(\d+))?$/;

/**
 * Return the columns of an address, without the message, which is always the last.
 * @param {string} text `time,hostname,app,message`
 */
export function readColumns(text) {
  const names = namesOf(text).filter((name) => name !== "message" && isField(name));
  return [...new Set(names)].slice(0, MOST);
}

/**
 * Return whether the message is one of the columns of an address; without columns it is.
 * @param {string} text
 */
export const hasMessage = (text) => !readColumns(text).length || namesOf(text).includes("message");

/**
 * Return the columns as an address has them.
 * @param {string[]} columns
 * @param {boolean} [message] whether the message is the last
 */
export const writtenColumns = (columns, message = true) => [...columns, ...(message ? ["message"] : [])].map(writtenField).join();

/**
 * Return the columns with one more, or without it if it is one of them.
 * @param {string[]} columns
 * @param {string} name
 */
export function switchColumn(columns, name) {
  if (columns.includes(name)) return columns.filter((one) => one !== name);
  return [...(columns.length ? columns : FIRST.filter((one) => one !== name)), name].slice(-MOST);
}

/**
 * Return the value of a field as text, "" if the line does not have it.
 * @param {Line} line
 * @param {string} name as in a query
 */
export function valueOf(line, name) {
  if (name === "position" || name === "source" || name === "level" || name === "time") return line[name] ?? "";
  if (name === "app") return programOf(line);
  const [, listener, address, port] = SOURCE.exec(line.source) ?? [];
  if (name === "name") return listener ?? "";
  if (name === "host") return (address ?? "").replace(/^\[|\]$/g, "");
  if (name === "port") return port ?? "";
  // A name such as `constructor` is one of every object.
  const key = [name, name.replace(/^(?:fields|syslog)\./, "")].find((one) => Object.hasOwn(line.fields, one));
  if (!key && name === "status_class") return /^[1-5](?=\d\d$)/.test(String(line.fields.status)) ? `${String(line.fields.status)[0]}xx` : "";
  const value = key && line.fields[key];
  return Array.isArray(value) ? value.join(",") : String(value ?? "");
}

/**
 * Give the lines their columns, and show the names above them.
 * @param {string[]} columns
 * @param {boolean} message whether the message is one of them
 * @param {{remove: (name: string) => void, sort: (name: string) => void}} told
 */
export function showColumns(columns, message, told) {
  const stage = byId("column-names").parentElement;
  const widths = columns.map((name) => `minmax(0, ${WIDTHS.get(name) ?? (message ? "14ch" : "22ch")})`);
  stage?.style.setProperty("--columns", [...widths, message ? "minmax(0, 1fr)" : "minmax(10ch, 1fr)"].join(" "));
  byId("column-names").hidden = !columns.length;
  byId("lines").toggleAttribute("data-columns", columns.length > 0);
  byId("lines").toggleAttribute("data-no-message", columns.length > 0 && !message);
  const remove = (/** @type {string} */ name) => button("×", "remove", () => told.remove(name), `Remove the column ${printable(name)}`);
  const heads = columns.map((name) => {
    const head = element("span", "column-name", button(printable(name), "link", () => told.sort(name), `Sort by ${printable(name)}`), remove(name));
    head.dataset.field = name;
    return head;
  });
  const last = message ? element("span", "column-name", element("span", "quiet", "message"), remove("message")) : button("+ message", "remove whole", () => told.remove("message"), "+ message: show the message too");
  byId("column-names").replaceChildren(...heads, last);
}

/**
 * Put the names of columns with numbers at the right, above these.
 * @param {() => Set<string>} numberFields
 */
export function alignNames(numberFields) {
  const part = byId("column-names");
  if (part.hidden) return;
  const numbers = numberFields();
  for (const head of /** @type {NodeListOf<HTMLElement>} */ (part.querySelectorAll("[data-field]"))) head.classList.toggle("right", numbers.has(head.dataset.field ?? ""));
}
