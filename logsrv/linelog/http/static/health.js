/** The foot of the page: lines a second, the store, connections of senders. Above the lines: a fault of the server. */

import { ApiError, get, request } from "./api.js";
import { byId, sayOnce } from "./dom.js";
import { reader } from "./reader.js";
import { counted, moment, number, size } from "./times.js";

/** Milliseconds before the first look, behind the lines that the page loads, and between two. */
const FIRST = 1000;
const EVERY = 2000;
const WHEN_HIDDEN = 30_000;
/** Open connections of senders: without those of browsers, of Prometheus and of `--inspect`. */
const OPEN = /^logsrv_connections_open(?:\{(?!listener="(?:http|metrics|inspect) )[^\n]*\})? ([\d.e+]+)$/gm;

const SHIPPED = /^logsrv_ship_(up|lag_bytes|lag_lines|lag_seconds)\{(?:rule="([\w-]+)",)?target="([\w-]+)"\} ([\d.e+-]+)$/gm;
/** Seconds that a sound target may be behind. */
const SOON = 5;

export class Health {
  /** @param {() => void} onChange called when a fault of the server begins or ends, or it stops or starts answering */
  constructor(onChange) {
    this.onChange = onChange;
    /** @type {{lines: number, when: number} | null} */
    this.before = null;
    /** The largest time in the store; "" while unknown. */
    this.newest = "";
    /** The reason, in a sentence, why the server cannot store lines; "" while it can. */
    this.trouble = "";
    /** The time of the first unanswered request, in milliseconds since 1970; 0 while the server answers. */
    this.away = 0;
    setTimeout(() => this.look(), FIRST);
  }

  async look() {
    // Faults are requested separately: figures need a search, which may have to wait for its turn.
    await Promise.all([this.lookForTrouble(), this.lookAtFigures()]);
    setTimeout(() => this.look(), document.hidden ? WHEN_HIDDEN : EVERY);
  }

  async lookForTrouble() {
    const [trouble, away] = [this.trouble, this.away];
    try {
      await get("/healthz");
      this.trouble = "";
      this.away = 0;
    } catch (error) {
      const status = error instanceof ApiError ? error.status : -1;
      if (status === 503) [this.trouble, this.away] = [/** @type {ApiError} */ (error).message, 0];
      else if (status === 0) this.away ||= Date.now();
    }
    if (trouble !== this.trouble || away !== this.away) this.onChange();
  }

  async lookAtFigures() {
    try {
      // Who sees only some lines gets no figures of all of them.
      if ((await reader()).only) return;
      const [stats, metrics] = await Promise.all([get("/api/stats"), request("/metrics")]);
      this.show(stats);
      const text = await metrics.text();
      const open = [...text.matchAll(OPEN)].map((found) => Number(found[1]));
      byId("connections").textContent = open.length ? counted(open.reduce((sum, one) => sum + one, 0), "connection") : "";
      const { said, each } = shipped(text);
      byId("shipped").textContent = said;
      byId("shipped").title = each;
    } catch {
      // Without an answer, nothing is shown.
      this.before = null;
      for (const id of ["rate", "store", "connections", "shipped"]) byId(id).textContent = "";
    }
  }

  /** @param {import("../answers.js").Stats} stats */
  show(stats) {
    const now = { lines: stats.lines, when: performance.now() };
    if (this.before && now.when > this.before.when) {
      const rate = Math.max(0, ((now.lines - this.before.lines) * 1000) / (now.when - this.before.when));
      byId("rate").textContent = `${number(rate < 10 ? Math.round(rate * 10) / 10 : Math.round(rate))} lines/s`;
    }
    this.before = now;
    this.newest = stats.newest ?? "";
    byId("store").textContent = `${counted(stats.lines, "line")}, ${size(stats.bytes)} in ${counted(stats.segments, "segment")}`;
    const packed = stats.compressed ? `The compressed segments take ${size(stats.compressed)}` : "";
    byId("store").title = [stats.oldest && `Since ${stats.oldest}`, packed].filter(Boolean).join("\n");
  }
}

/**
 * Return how far targets are behind: in a few words, and for each target.
 * @param {string} metrics in the format of Prometheus
 */
export function shipped(metrics) {
  /** @type {Map<string, Record<string, number>>} */
  const targets = new Map();
  for (const [, what, rule, target, value] of metrics.matchAll(SHIPPED)) {
    const name = rule ? `${target} (stores/${rule})` : target;
    targets.set(name, { ...targets.get(name), [what]: Number(value) });
  }
  const each = [...targets].map(([name, { up = 0, lag_bytes = 0, lag_lines = 0, lag_seconds = 0 }]) => {
    const behind = `${counted(lag_lines, "line")}, ${size(lag_bytes)}, ${number(Math.round(lag_seconds))} s behind`;
    const well = up === 1 && lag_seconds < SOON;
    return { well, said: `${name}${up === 1 ? "" : " takes nothing"}: ${lag_bytes ? behind : "has all"}` };
  });
  const wrong = each.filter((one) => !one.well);
  const more = wrong.length > 1 ? `, and ${number(wrong.length - 1)} more` : "";
  const names = new Set([...targets.keys()].map((name) => name.split(" ")[0]));
  const well = names.size ? `shipped to ${counted(names.size, "target")}` : "";
  return { said: wrong.length ? `${wrong[0].said}${more}` : well, each: each.map((one) => one.said).join("\n") };
}

/**
 * Show a fault of the server above the lines.
 * @param {string} trouble the reason why no lines can be stored, or ""
 * @param {number} away the time since which the server does not answer, in milliseconds since 1970, or 0
 */
export function showBanner(trouble, away) {
  sayOnce("trouble-heading", away ? "The server is away." : trouble ? "Lines are not being stored." : "");
  sayOnce("trouble", away ? `It has not answered since ${moment(new Date(away))}. This page goes on by itself when it does.` : trouble);
  byId("banner").hidden = !away && !trouble;
}
