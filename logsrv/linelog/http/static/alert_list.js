/** The list of alerts: those that fire first, then by name; filtered by text and state, without losing the focus. */

import { AlertCard } from "./alert_card.js";
import { groupText, safe, shapeOf, silenceOf } from "./alert_words.js";
import { byId, element, sayOnce } from "./dom.js";
import { counted, number } from "./times.js";

/** @typedef {import("./alert_words.js").Alert} Alert */
/** @typedef {import("./alert_words.js").Known} Known */

/** Alerts whose names the summary says. */
const NAMED = 3;

export class AlertList {
  /** @param {import("./alert_card.js").Told} told */
  constructor(told) {
    this.told = told;
    this.list = byId("alert-list");
    this.filter = /** @type {HTMLInputElement} */ (byId("filter"));
    this.state = /** @type {HTMLSelectElement} */ (byId("state"));
    /** @type {Map<string, AlertCard>} */
    this.cards = new Map();
    /** @type {Known | null} */
    this.known = null;
    for (const one of [this.filter, this.state]) one.addEventListener("input", () => this.choose());
  }

  /** @param {Known} known */
  show(known) {
    this.known = known;
    const alerts = [...known.alerts].sort((one, other) => rank(one) - rank(other) || one.name.localeCompare(other.name));
    const before = this.cards;
    this.cards = new Map(alerts.map((alert) => [keyOf(alert), before.get(keyOf(alert)) ?? new AlertCard(alert.name, this.told)]));
    const focused = /** @type {HTMLElement | null} */ (document.activeElement);
    const holder = [...this.cards.values()].find(({ part }) => part.contains(focused));
    const key = focused?.dataset.key ?? "name";
    for (const [card, { part }] of before) if (!this.cards.has(card)) part.remove();
    for (const [index, alert] of alerts.entries()) {
      const card = /** @type {AlertCard} */ (this.cards.get(keyOf(alert)));
      card.set(alert, known);
      // Only what has another place is moved: the others keep the focus and the scroll position.
      if (this.list.children[index] !== card.part) this.list.insertBefore(card.part, this.list.children[index] ?? null);
    }
    // What is moved or drawn again has lost the focus.
    if (holder && !holder.part.contains(document.activeElement)) (holder.part.isConnected ? holder.focus(key) : byId("alerts-heading").focus());
    byId("list-part").hidden = !alerts.length;
    this.showEmpty(known);
    this.summarize(alerts);
    this.choose();
  }

  /** Set the focus to a part of an alert. @param {string} name @param {string} key */
  focus(name, key) {
    [...this.cards.values()].find((card) => card.name === name)?.focus(key);
  }

  /** @param {Known} known */
  showEmpty({ alerts, may_change: may }) {
    const none = byId("none");
    none.hidden = alerts.length > 0;
    const sentence = may
      ? "An alert sends a message when lines match a query, or when their number in a time is too large or too small. Make one here with “New alert”, from a query with “Alert …” on the live page, or in the configuration with --alert."
      : "An alert sends a message when lines match a query, or when their number in a time is too large or too small. The configuration adds one with --alert and --alert-command or --alert-webhook.";
    none.replaceChildren(element("p", "heading", "No alerts yet"), element("p", "", sentence));
  }

  /** Say how many alerts there are and fire, in the head and in the title. @param {Alert[]} alerts */
  summarize(alerts) {
    const firing = alerts.filter((one) => shapeOf(one) === "firing").map(({ name }) => safe(name));
    const names = firing.length > NAMED ? [...firing.slice(0, NAMED), `${number(firing.length - NAMED)} others`] : firing;
    const wrong = alerts.filter((one) => shapeOf(one) === "wrong").length;
    const said = [counted(alerts.length, "alert"), firing.length ? `${number(firing.length)} firing: ${names.join(", ")}` : "none is firing", wrong ? `${number(wrong)} wrong` : ""];
    sayOnce("summary", alerts.length ? said.filter(Boolean).join(", ") : "");
    document.title = `${firing.length ? `${number(firing.length)} firing – ` : ""}Alerts – logsrv`;
  }

  /** Hide what the filter does not want. */
  choose() {
    const { known } = this;
    if (!known) return;
    const words = this.filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const alert of known.alerts) {
      const card = /** @type {AlertCard} */ (this.cards.get(keyOf(alert)));
      const text = [alert.name, alert.alert, ...alert.groups.map(({ group }) => groupText(group))].join(" ").toLowerCase();
      const isOfState = this.state.value === "silenced" ? silencedAtAll(known, alert) : !this.state.value || shapeOf(alert) === this.state.value;
      card.part.hidden = !isOfState || !words.every((word) => text.includes(word));
      if (!card.part.hidden) count += 1;
    }
    const isAll = count === known.alerts.length;
    sayOnce("filter-note", isAll ? "" : `${number(count)} of ${counted(known.alerts.length, "alert")}`);
  }
}

/** Return a text that tells alerts apart: one of the page may have the name of one of the configuration. @param {Alert} alert */
const keyOf = ({ name, of }) => `${of} ${name}`;

/** @param {Alert} alert */
const rank = (alert) => (shapeOf(alert) === "firing" ? 0 : 1);

/** @param {Known} known @param {Alert} alert */
const silencedAtAll = ({ silences }, { name, groups }) => Boolean(silenceOf(silences, name) ?? groups.find(({ group }) => silenceOf(silences, name, group)));
