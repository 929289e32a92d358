/**
 * The stream of new lines: Server-Sent Events, read with fetch instead of EventSource. So whole chunks arrive at
 * once, refusals of the server are visible, and lines that will not be shown are not parsed. A lost connection
 * is opened again, from the last received line on.
 */

import { ApiError, address, request, texts } from "./api.js";

/**
 * @typedef {{type: string, id: string, data: string}} StreamEvent
 * @typedef {{kind: "connecting" | "open" | "waiting" | "resting" | "stopped", reason: string, seconds: number}} StreamState
 */

const LONGEST_WAIT = 15;
/** Milliseconds of silence after which a connection counts as dead: the server sends something every 15 s. */
const SILENCE = 50_000;
/** Milliseconds that a hidden page keeps its connection: a browser has six for all pages of a server. */
export const patience = { unseen: 60_000 };

export class Stream {
  /**
   * @param {(events: StreamEvent[]) => void} onEvents
   * @param {(state: StreamState) => void} onState
   */
  constructor(onEvents, onState) {
    this.onEvents = onEvents;
    this.onState = (/** @type {StreamState} */ state) => {
      this.state = state;
      onState(state);
    };
    /** @type {StreamState} */
    this.state = { kind: "connecting", reason: "", seconds: 0 };
    this.lastId = "";
    this.attempts = 0;
    /** The time at which the connection was lost, in milliseconds since 1970; 0 while there is one. */
    this.lost = 0;
    this.abort = new AbortController();
    this.attempt = new AbortController();
    this.silence = 0;
    this.wake = () => {};
    this.hurry = () => this.wake();
    this.resting = false;
    this.leaving = 0;
    this.looked = () => this.seen();
    // A browser may keep a page that was left, with its connection.
    this.left = () => this.rest();
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
    addEventListener("online", this.hurry);
    document.addEventListener("visibilitychange", this.looked);
    addEventListener("pagehide", this.left);
    addEventListener("pageshow", this.looked);
    this.seen();
    return new Promise((resolve, reject) => {
      this.run(() => resolve(undefined)).catch((error) => {
        this.stop();
        reject(error);
      });
    });
  }

  stop() {
    removeEventListener("online", this.hurry);
    document.removeEventListener("visibilitychange", this.looked);
    removeEventListener("pagehide", this.left);
    removeEventListener("pageshow", this.looked);
    clearTimeout(this.silence);
    clearTimeout(this.leaving);
    if (this.abort.signal.aborted) return;
    this.abort.abort();
    this.wake();
    this.onState({ kind: "stopped", reason: "", seconds: 0 });
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
        this.onState({ kind: "connecting", reason: "", seconds: 0 });
        const response = await this.connect();
        this.lost = 0;
        this.onState({ kind: "open", reason: "", seconds: 0 });
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
    return request(address("/api/tail", { q: this.query, after }), signal, { headers }, 0);
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
      const events = rest.slice(0, end).split("\n\n").map(parsed).filter((event) => event.data);
      rest = rest.slice(end + 2);
      for (const event of events) if (event.id) this.lastId = event.id;
      const known = events.filter((event) => event.type === "line" || event.type === "missed");
      if (known.length) this.onEvents(known);
      const problem = events.find((event) => event.type === "problem");
      if (problem) throw new ApiError(0, String(JSON.parse(problem.data).error));
    }
  }

  /** Wait until the page is visible. */
  sleep() {
    clearTimeout(this.silence);
    this.attempts = 0;
    this.onState({ kind: "resting", reason: "", seconds: 0 });
    return new Promise((resolve) => {
      this.wake = () => this.resting && !this.abort.signal.aborted || resolve(undefined);
    });
  }

  /** @param {string} reason */
  pause(reason) {
    const seconds = Math.min(LONGEST_WAIT, 0.5 * 2 ** this.attempts) * (0.75 + Math.random() / 2);
    this.attempts += 1;
    this.lost ||= Date.now();
    this.onState({ kind: "waiting", reason, seconds });
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, seconds * 1000);
      this.wake = () => {
        clearTimeout(timer);
        resolve(undefined);
      };
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
