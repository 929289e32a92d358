/**
 * The stream of new lines: Server-Sent Events, read with fetch instead of EventSource. So whole chunks arrive at
 * once, refusals of the server are visible, and lines that will not be shown are not parsed. A lost connection
 * is opened again, from the last received line on.
 */

import { ApiError, address, request, texts } from "./api.js";
import { Queue } from "./queue.js";

/**
 * @typedef {{type: string, id: string, data: string}} StreamEvent
 * @typedef {{kind: "connecting" | "open" | "waiting" | "resting" | "stopped", reason: string}} StreamState
 */

const LONGEST_WAIT = 15;
/** Milliseconds of silence after which a connection counts as dead: the server sends something every 15 s. */
const SILENCE = 50_000;
/** Milliseconds that a hidden page keeps its connection: a browser has six for all pages of a server. */
export const patience = { unseen: 60_000 };

export class Stream {
  /**
   * @param {() => void} onEvents called after lines have arrived
   * @param {() => void} onState called after `state` has changed
   */
  constructor(onEvents, onState) {
    /** Lines that wait until they are shown. */
    this.queue = new Queue();
    this.onEvents = onEvents;
    this.onState = onState;
    /** @type {StreamState} */
    this.state = { kind: "connecting", reason: "" };
    this.lastId = "";
    this.attempts = 0;
    /** The time at which the connection was lost, in milliseconds since 1970; 0 while there is one. */
    this.lost = 0;
    this.abort = new AbortController();
    this.attempt = new AbortController();
    this.silence = 0;
    this.wake = () => {};
    this.resting = false;
    this.leaving = 0;
  }

  /**
   * Connect. Resolves when the server has accepted the query, or cannot be reached at present (then it is
   * tried again). Rejects with the ApiError of a wrong query or a missing log-in.
   * @param {string} query
   * @param {string | null} after the position of the last known line
   */
  start(query, after) {
    this.query = query;
    this.after = after;
    const { signal } = this.abort;
    addEventListener("online", () => this.wake(), { signal });
    // A browser may keep a page that was left, with its connection.
    addEventListener("pagehide", () => this.rest(), { signal });
    addEventListener("pageshow", () => this.seen(), { signal });
    document.addEventListener("visibilitychange", () => this.seen(), { signal });
    this.seen();
    return new Promise((resolve, reject) => {
      this.run(() => resolve(undefined)).catch((error) => {
        this.stop();
        reject(error);
      });
    });
  }

  stop() {
    clearTimeout(this.silence);
    clearTimeout(this.leaving);
    if (this.abort.signal.aborted) return;
    this.abort.abort();
    this.wake();
    this.become("stopped");
  }

  /**
   * @param {StreamState["kind"]} kind
   * @param {string} [reason]
   */
  become(kind, reason = "") {
    this.state = { kind, reason };
    this.onState();
  }

  /** Handle a change of visibility: a hidden page closes its connection after a while. */
  seen() {
    clearTimeout(this.leaving);
    if (document.hidden) this.leaving = setTimeout(() => this.rest(), patience.unseen);
    else if (this.resting) {
      this.resting = false;
      this.wake();
    }
  }

  rest() {
    // Without a position to go on from, lines would be lost.
    if (!this.lastId && !this.after) this.seen();
    else {
      this.resting = true;
      this.attempt.abort();
    }
  }

  /**
   * Note the position of a line from a search: if the stream has none yet, it goes on behind that line.
   * @param {string} position
   */
  know(position) {
    this.after ||= position;
  }

  /** @param {() => void} settled */
  async run(settled) {
    while (!this.abort.signal.aborted) {
      let reason = "The connection was lost.";
      try {
        this.become("connecting");
        const response = await this.connect();
        this.lost = 0;
        this.become("open");
        settled();
        await this.read(response);
      } catch (error) {
        if (this.abort.signal.aborted) break;
        if (error instanceof ApiError) {
          if ([400, 401, 403].includes(error.status)) throw error;
          reason = error.message;
        }
      }
      if (this.abort.signal.aborted) break;
      settled();
      if (this.resting) await this.sleep();
      else await this.pause(reason);
    }
  }

  connect() {
    const after = this.lastId ? null : this.after;
    /** @type {Record<string, string>} */
    const headers = { Accept: "text/event-stream" };
    if (this.lastId) headers["Last-Event-ID"] = this.lastId;
    this.attempt = new AbortController();
    this.listen();
    const signal = AbortSignal.any([this.abort.signal, this.attempt.signal]);
    return request(address("/api/tail", { q: this.query, after, join: 1 }), signal, { headers }, 0);
  }

  /** Restart the timer for the server's silence. */
  listen() {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.attempt.abort(), SILENCE);
  }

  /** @param {Response} response */
  async read(response) {
    let rest = "";
    for await (const text of texts(response)) {
      if (this.abort.signal.aborted) return;
      this.attempts = 0;
      this.listen();
      rest += text;
      const end = rest.lastIndexOf("\n\n");
      if (end < 0) continue;
      const events = rest.slice(0, end).split("\n\n").map(parsed);
      rest = rest.slice(end + 2);
      for (const event of events) if (event.id) this.lastId = event.id;
      const known = events.filter((event) => event.data && (event.type === "line" || event.type === "missed"));
      if (known.length) {
        this.queue.push(known);
        this.onEvents();
      }
      const problem = events.find((event) => event.type === "problem");
      if (problem) throw new ApiError(0, String(JSON.parse(problem.data).error));
    }
  }

  /** Wait until the page is visible. */
  async sleep() {
    clearTimeout(this.silence);
    this.attempts = 0;
    this.become("resting");
    while (this.resting && !this.abort.signal.aborted) await new Promise((resolve) => (this.wake = () => resolve(undefined)));
  }

  /** @param {string} reason */
  async pause(reason) {
    const seconds = Math.min(LONGEST_WAIT, 0.5 * 2 ** this.attempts) * (0.75 + Math.random() / 2);
    this.attempts += 1;
    this.lost ||= Date.now();
    this.become("waiting", reason);
    await new Promise((resolve) => {
      this.wake = () => resolve(undefined);
      setTimeout(this.wake, seconds * 1000);
    });
  }
}

/**
 * @param {string} block
 * @returns {StreamEvent}
 */
export function parsed(block) {
  const event = { type: "message", id: "", data: "" };
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    if (colon <= 0) continue;
    const value = line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1).replace(/\r$/, "");
    const name = line.slice(0, colon);
    if (name === "event") event.type = value;
    else if (name === "id") event.id = value;
    else if (name === "data") event.data = event.data ? `${event.data}\n${value}` : value;
  }
  return event;
}
