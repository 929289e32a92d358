/** Requests to the server. Answers are JSON or streamed line by line; a refusal is an ApiError. */

import { zoneName } from "./times.js";

/** @typedef {import("../answers.js").Line} Line */
/** @typedef {import("../answers.js").Answers} Answers the type of the answer of each path */

/** A refusal in one sentence. `status`: of HTTP; 0 without an answer. `at`: the column of a fault in the query, from 1. */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {string} sentence
   * @param {number | null} [at]
   */
  constructor(status, sentence, at = null) {
    super(sentence);
    this.status = status;
    this.at = at;
  }
}

/**
 * @param {string} path
 * @param {Record<string, string | number | null | undefined>} parameters without a value they are left out
 */
export function address(path, parameters = {}) {
  const given = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const query = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return query ? `${path}?${query}` : path;
}

/** The number of times that a request is repeated if the server answers 429 (too much to do). */
const PATIENCE = 4;

/**
 * Return the response as soon as its status has arrived. Throws ApiError unless the status is 2xx.
 * @param {string} url
 * @param {AbortSignal} [signal]
 * @param {RequestInit} [more] method, headers, body
 */
export async function request(url, signal, more = {}, patience = PATIENCE) {
  const began = performance.now();
  let response;
  try {
    response = await fetch(url, { ...more, signal, credentials: "same-origin", cache: "no-store" });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, "The server does not answer.");
  }
  if (response.status === 429 && patience > 0) {
    await response.body?.cancel();
    await pause(Number(response.headers.get("Retry-After")) || 1, signal);
    return request(url, signal, more, patience - 1);
  }
  if (!response.ok) throw await refusal(response, began);
  return response;
}

/**
 * @param {number} seconds
 * @param {AbortSignal} [signal] ends the wait; its reason is thrown
 */
function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, Math.min(seconds, 10) * 1000 * (0.75 + Math.random() / 2));
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}

/**
 * @param {Response} response
 * @param {number} began the time of the request, in milliseconds
 */
async function refusal(response, began) {
  let sentence = `The server answers ${response.status}.`;
  let at = null;
  try {
    const said = await response.json();
    if (typeof said.error === "string") sentence = said.error;
    if (Number.isInteger(said.at)) at = said.at;
  } catch {
    // Not JSON, for instance a proxy's page: the sentence has only the status.
  }
  if (response.status === 401) document.dispatchEvent(new CustomEvent("logsrv-log-in", { detail: { began } }));
  return new ApiError(response.status, sentence, at);
}

/**
 * @template {keyof Answers} Path
 * @param {Path} path
 * @param {Record<string, string | number | null | undefined>} [parameters]
 * @param {AbortSignal} [signal]
 * @returns {Promise<Answers[Path]>}
 */
export async function get(path, parameters, signal) {
  return json(await request(address(path, parameters), signal), signal);
}

/**
 * Ask for JSON, and for the hint: "" unless the query seems to use another tool's syntax.
 * @template {keyof Answers} Path
 * @param {Path} path
 * @param {Record<string, string | number | null | undefined>} parameters
 * @param {AbortSignal} signal
 * @returns {Promise<{answer: Answers[Path], hint: string}>}
 */
export async function getWithHint(path, parameters, signal) {
  const response = await request(address(path, parameters), signal);
  return { answer: await json(response, signal), hint: response.headers.get("Logsrv-Hint") ?? "" };
}

/** The zone of whose clocks the server has no data: steps of time are then those of UTC. */
let unknownZone = "";

/** Return the zone for `tz`; "" if it is UTC, or unknown to the server. */
export const zoneAsked = () => (zoneName() === unknownZone ? "" : zoneName());

/**
 * Return the response for a path with steps of time: days begin at midnight in the zone that the page shows.
 * @param {string} path
 * @param {Record<string, string | number | null | undefined>} parameters
 * @param {AbortSignal} signal
 * @returns {Promise<Response>}
 */
export async function requestInZone(path, parameters, signal) {
  const tz = zoneAsked();
  try {
    return await request(address(path, { ...parameters, tz }), signal);
  } catch (error) {
    if (!tz || !(error instanceof ApiError) || error.status !== 400 || !error.message.startsWith("tz: ")) throw error;
    unknownZone = tz;
    return request(address(path, parameters), signal);
  }
}

/**
 * Return a table of figures.
 * @param {Record<string, string | number | null | undefined>} parameters
 * @param {AbortSignal} signal
 * @returns {Promise<Answers["/api/table"]>}
 */
export const figures = async (parameters, signal) => json(await requestInZone("/api/table", parameters, signal), signal);

/**
 * Return the histogram, and a hint: "" unless the query seems to use another tool's syntax, or lines are missing.
 * @param {Record<string, string | number | null | undefined>} parameters
 * @param {AbortSignal} signal
 * @returns {Promise<{answer: Answers["/api/histogram"], hint: string}>}
 */
export async function bars(parameters, signal) {
  const response = await requestInZone("/api/histogram", parameters, signal);
  const hints = [response.headers.get("Logsrv-Hint"), response.headers.get("Logsrv-Missing")];
  return { answer: await json(response, signal), hint: hints.filter(Boolean).join("; ") };
}

/**
 * Ask for what the server keeps, or change it; return all that there is then.
 * @template {keyof Answers} Path
 * @param {"GET" | "PUT" | "POST" | "DELETE"} method
 * @param {Path} path
 * @param {object} [value]
 * @returns {Promise<Answers[Path]>}
 */
export async function send(method, path, value) {
  const body = value && { body: JSON.stringify(value), headers: { "Content-Type": "application/json" } };
  return json(await request(path, undefined, { method, ...body }));
}

/**
 * Ask for the saved searches and boards, or change one of them.
 * @param {"GET" | "PUT" | "DELETE"} method
 * @param {string} [name]
 * @param {object} [value]
 */
export const saved = (method, name = "", value) => send(method, name ? `/api/saved/${encodeURIComponent(name)}` : "/api/saved", value);

/** The begin of a number that may have more digits than one of JavaScript. */
const LONG = /[:,[]-?\d{16}/;
/** Texts, and numbers. */
const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;

/**
 * Return the value of an answer's JSON. An integer that a number cannot hold, such as an id, is a text of its digits.
 * @param {string} text
 * @returns {any}
 */
export function parseJson(text) {
  const exact = (/** @type {string} */ token) => (/^-?\d{16,}$/.test(token) && !Number.isSafeInteger(Number(token)) ? `"${token}"` : token);
  return JSON.parse(LONG.test(text) ? text.replace(TOKENS, exact) : text);
}

/**
 * @param {Response} response
 * @param {AbortSignal} [signal]
 */
async function json(response, signal) {
  try {
    return parseJson(await response.text());
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, "The server's answer broke off.");
  }
}

/**
 * Start a search. Its lines come in groups, as they arrive.
 * @param {Record<string, string | number | null | undefined>} parameters
 * @param {AbortSignal} [signal]
 * @returns {Promise<AsyncGenerator<Line[]>>} as soon as the server has accepted the query
 */
export async function search(parameters, signal) {
  const response = await request(address("/api/search", parameters), signal);
  return groups(response, signal);
}

/**
 * @param {Response} response
 * @param {AbortSignal} [signal]
 * @returns {AsyncGenerator<Line[]>}
 */
async function* groups(response, signal) {
  let rest = "";
  try {
    for await (const text of texts(response)) {
      rest += text;
      const end = rest.lastIndexOf("\n") + 1;
      if (end === 0) continue;
      const all = rest.slice(0, end).split("\n").filter(Boolean).map(parseJson);
      rest = rest.slice(end);
      const failed = all.find((one) => one.error !== undefined && one.position === undefined);
      yield all.filter((one) => one !== failed);
      if (failed) throw new ApiError(0, String(failed.error));
    }
  } catch (error) {
    if (signal?.aborted || error instanceof ApiError) throw error;
    throw new ApiError(0, "The server's answer broke off.");
  }
}

/**
 * Yield the body of a response as text, piece by piece as it arrives.
 * @param {Response} response
 */
export async function* texts(response) {
  if (!response.body) return;
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      yield decoder.decode(value, { stream: true });
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/**
 * Return all lines of an answer of `search`.
 * @param {AsyncGenerator<Line[]>} groups
 * @returns {Promise<Line[]>}
 */
export async function all(groups) {
  const found = [];
  for await (const group of groups) found.push(...group);
  return found;
}
