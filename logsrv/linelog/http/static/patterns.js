/** The panel of patterns: what the messages have in common, asked for only while it is open. */

import { get } from "./api.js";
import { button, byId, element, shareBar } from "./dom.js";
import { Panel } from "./panel.js";
import { isOfNew } from "./stages.js";
import { printable } from "./text.js";
import { clock, counted, moment, number } from "./times.js";

/** @typedef {import("../answers.js").Patterns} Answer */
/** @typedef {import("../answers.js").Pattern} Pattern */

const MOST = 100;
const PLACEHOLDER = /(<(?:n|hex|uuid|ip|time|quoted|\*)>)/;

export class Patterns {
  /**
   * @param {{work: () => void, query: (query: string, since: string) => void}} told
   *   work: called when a request begins or ends.
   *   query: gets a query for the lines of a chosen pattern; since: the time of the first one if it is new, otherwise "".
   */
  constructor({ work, query }) {
    this.onQuery = query;
    this.panel = new Panel("patterns", () => this.load(), work);
    this.list = byId("pattern-list");
    this.note = byId("pattern-note");
    this.choice = /** @type {HTMLSelectElement} */ (byId("patterns-new"));
    /** @type {{q: string, since: string, until: string} | null} null until the first query */
    this.range = null;
    /** The stage of the query that asks for patterns, or "". */
    this.stage = "";
    this.choice.addEventListener("change", () => this.load());
  }

  /**
   * @param {string} q
   * @param {import("./scope.js").Scope} scope
   * @param {string} stage of the query that asks for patterns, or ""
   */
  set(q, { since, until }, stage) {
    this.range = { q, since, until };
    this.stage = stage;
    for (const part of [this.choice, ...this.choice.labels]) part.hidden = isOfNew(stage);
    if (this.panel.shown) this.load();
    else if (stage) this.panel.toggle(true);
  }

  /** The time of the menu, which a stage with a time does not have; "" for patterns of any. */
  get chosen() {
    return isOfNew(this.stage) ? "" : this.choice.value;
  }

  /** True if only new patterns are shown. Lines of any time before are read for them. */
  get isNew() {
    return isOfNew(this.stage) || this.chosen !== "";
  }

  async load() {
    if (!this.range) return;
    this.panel.pending = true;
    this.panel.dim();
    this.note.textContent = "Counting …";
    const { isNew } = this;
    const { q, since, until } = this.range;
    const asked = { q, since: isNew ? "" : since, until, new_since: this.chosen, limit: MOST };
    await this.panel.ask(
      (signal) => get("/api/patterns", asked, signal),
      (found) => this.show(found, isNew),
      (sentence) => (this.note.textContent = sentence),
    );
  }

  /**
   * @param {Answer} of
   * @param {boolean} isNew
   */
  show(of, isNew) {
    const { patterns } = of;
    const hadFocus = this.list.contains(document.activeElement);
    this.list.replaceChildren(...patterns.map((one) => this.entry(one, of.lines, isNew)));
    this.panel.part.scrollTop = 0;
    if (hadFocus) (/** @type {HTMLElement | null} */ (this.list.querySelector("button:enabled")) ?? byId("q")).focus();
    const lines = of.since ? `the newest ${counted(of.lines, "line")}, since ${moment(new Date(of.since))}` : counted(of.lines, "line");
    const said = [`${counted(of.total, isNew ? "new pattern" : "pattern")} in ${lines}${isNew ? " since then" : ""}, at ${clock(new Date())}.`];
    if (of.total > patterns.length) said.push(`Shown are the ${number(patterns.length)} most frequent.`);
    if (of.forgotten) said.push(`The rarest, of ${counted(of.forgotten, "line")}, are left out: there are too many.`);
    this.note.textContent = said.join(" ");
  }

  /**
   * @param {Pattern} one
   * @param {number} lines
   * @param {boolean} isNew
   */
  entry(one, lines, isNew) {
    const query = one.query ?? "";
    const choose = button("", "add", () => this.onQuery(query, isNew ? (one.first ?? "") : ""));
    if (query) choose.title = `Only these lines: ${printable(query)}`;
    const parts = (printable(one.pattern) || "(empty)").split(PLACEHOLDER);
    const text = element("span", "name", ...parts.map((part) => (PLACEHOLDER.test(part) ? element("span", "hole", part) : part)));
    choose.disabled = !query;
    const about = [one.value === null ? "(none)" : (one.value ?? ""), one.app, one.level ?? ""].filter(Boolean);
    choose.append(element("span", "count", number(one.count)), " ", element("span", "app", printable([...new Set(about)].join(" "))), " ", text);
    return element("li", "", shareBar(one.count / lines), choose);
  }
}
