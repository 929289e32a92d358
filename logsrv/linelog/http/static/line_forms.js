/** Names and forms of what is in a line, as the server reads it: its own tables, of which the page has no copy. */

/**
 * @typedef {object} LineForms
 * @property {string[]} levels from the least to the most severe
 * @property {string[]} hostnames keys that may hold the name of the host, the first that is there
 * @property {string[]} messages keys of a record that may hold its message, the first that is there
 * @property {string} request an expression for the request and its answer in a line of an access log
 */

/** The server puts them in here. @type {LineForms} */
export const FORMS = { levels: [], hostnames: [], messages: [], request: "" };
