/** The foot of the page: lines a second, the store, connections of senders, and what keeps lines from being stored. */

import { ApiError, get, request } from "./api.js";
import { byId } from "./dom.js";
import { counted, number, size } from "./times.js";

const EVERY = 2000;
const WHEN_HIDDEN = 30_000;
/** Of senders: those of browsers, this one among them, are not counted. */
const OPEN = /^logsrv_connections_open(?:\{(?!listener="http )[^\n]*\})? ([\d.e+]+)$/gm;

export class Health {
  constructor() {
    /** @type {{lines: number, when: number} | null} */
    this.before = null;
    this.look();
  }

  async look() {
    try {
      this.show(await get("/api/stats"));
      this.showConnections(await (await request("/metrics")).text());
      showTrouble(await trouble());
    } catch {
      this.before = null;
      byId("rate").textContent = "";
    }
    setTimeout(() => this.look(), document.hidden ? WHEN_HIDDEN : EVERY);
  }

  /** @param {any} stats */
  show(stats) {
    const now = { lines: stats.lines, when: performance.now() };
    if (this.before && now.when > this.before.when) {
      const rate = Math.max(0, ((now.lines - this.before.lines) * 1000) / (now.when - this.before.when));
      byId("rate").textContent = `${number(rate < 10 ? Math.round(rate * 10) / 10 : Math.round(rate))} lines/s`;
    }
    this.before = now;
    byId("store").textContent = `${counted(stats.lines, "line")}, ${size(stats.bytes)} in ${counted(stats.segments, "segment")}`;
    const packed = stats.compressed ? `The compressed segments take ${size(stats.compressed)}` : "";
    byId("store").title = [stats.oldest && `Since ${stats.oldest}`, packed].filter(Boolean).join("\n");
  }

  /** @param {string} metrics as Prometheus reads them */
  showConnections(metrics) {
    const open = [...metrics.matchAll(OPEN)].map((found) => Number(found[1]));
    byId("connections").textContent = open.length ? counted(open.reduce((sum, one) => sum + one, 0), "connection") : "";
  }
}

/** The reason, in a sentence, why lines that arrive cannot be stored; empty while they can. */
async function trouble() {
  try {
    await get("/healthz");
    return "";
  } catch (error) {
    if (error instanceof ApiError && error.status === 503) return error.message;
    throw error;
  }
}

/** @param {string} sentence */
function showTrouble(sentence) {
  const place = byId("trouble");
  // Only a change is written, so that a screen reader says it once.
  if (place.textContent !== sentence) place.textContent = sentence;
}
