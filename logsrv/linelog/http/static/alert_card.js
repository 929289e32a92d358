/** An alert in the list: its state, the groups that fire, what was sent of it, and what can be done. */

import { url } from "./address.js";
import { asLines } from "./stages.js";
import { linkTo } from "./alert_text.js";
import { SIGNS, at, deliveryText, groupText, safe, shapeOf, silenceOf, stateText, timesOf } from "./alert_words.js";
import { pointed } from "./caret.js";
import { button, element } from "./dom.js";
import { printable } from "./text.js";
import { day, number } from "./times.js";

/** @typedef {import("./alert_words.js").Alert} Alert */
/** @typedef {import("./alert_words.js").Group} Group */
/** @typedef {import("./alert_words.js").Known} Known */
/** @typedef {{silence: (name: string, group: Group) => void, change: (alert: Alert) => void, remove: (alert: Alert) => void}} Told */

/** Groups that are listed before the reader asks for all. */
const FEW = 5;

export class AlertCard {
  /**
   * @param {string} name
   * @param {Told} told
   */
  constructor(name, told) {
    this.name = name;
    this.told = told;
    this.part = element("li", "alert");
    /** All groups are listed, not only the first ones. */
    this.isOpen = false;
    /** What is drawn, so that nothing is drawn again that is the same. */
    this.drawn = "";
  }

  /**
   * @param {Alert} alert
   * @param {Known} known
   */
  set(alert, known) {
    this.alert = alert;
    this.silences = known.silences.filter((one) => one.alert === this.name);
    this.silence = silenceOf(this.silences, this.name);
    this.may = known.may_change;
    this.since = known.since ?? "";
    const drawn = JSON.stringify([alert, this.silences, this.may, this.since, this.isOpen, day(new Date())]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    const focused = document.activeElement;
    const key = this.part.contains(focused) ? (/** @type {HTMLElement} */ (focused).dataset.key ?? "name") : "";
    this.draw();
    if (key) this.focus(key);
  }

  /** Set the focus to what is named so; to the name of the alert if that is no longer there. @param {string} key */
  focus(key) {
    const all = [.../** @type {NodeListOf<HTMLElement>} */ (this.part.querySelectorAll("[data-key]"))];
    const found = all.find((one) => one.dataset.key === key) ?? all[0];
    found?.focus({ preventScroll: true });
  }

  draw() {
    const alert = /** @type {Alert} */ (this.alert);
    const shape = shapeOf(alert);
    this.part.className = `alert state-${shape}${this.silence ? " silenced" : ""}`;
    const heading = element("h3", "", safe(alert.name));
    heading.tabIndex = -1;
    heading.dataset.key = "name";
    const sign = element("span", "sign", SIGNS[shape]);
    sign.ariaHidden = "true";
    const state = element("p", "state", sign, element("span", "", stateText(alert)));
    const silenced = this.silence ? element("p", "silenced-until", `silenced until ${at(this.silence.until)}`, this.silence.reason && ` – ${safe(this.silence.reason)}`) : "";
    this.part.replaceChildren(
      element("div", "head", heading, state, silenced),
      element("div", "body", ...this.text(alert), ...this.groups(alert), ...this.last(alert)),
      element("div", "sent", ...this.sent(alert)),
      element("div", "acts", ...this.acts(alert)),
    );
  }

  /** @param {Alert} alert */
  text({ alert, error, at: column }) {
    const text = element("code", "text", printable(alert));
    if (!error) return [text];
    const sentence = element("p", "alarm", printable(error));
    if (!column) return [text, sentence];
    const caret = element("pre", "caret", pointed(alert, column).map(printable).join("\n"));
    caret.ariaHidden = "true";
    // The caret has a copy of the text.
    text.classList.add("unseen");
    text.title = printable(alert);
    return [text, caret, sentence];
  }

  /** @param {Alert} alert */
  groups(alert) {
    const { groups, group_count: count } = alert;
    if (!groups.length) return [];
    const shown = this.isOpen ? groups : groups.slice(0, FEW);
    const list = element("ul", "groups", ...shown.map((one) => this.group(alert, one)));
    list.ariaLabel = `Firing: ${safe(alert.name)}`;
    if (groups.length <= FEW) return [list];
    const more = button(this.isOpen ? "Show fewer" : `Show all ${number(groups.length)}`, "link", () => {
      this.isOpen = !this.isOpen;
      this.draw();
      this.focus("more");
    });
    more.dataset.key = "more";
    more.ariaExpanded = String(this.isOpen);
    const rest = count > groups.length ? ` of ${number(count)}; the others are not listed` : "";
    return [list, element("p", "note", more, rest)];
  }

  /**
   * @param {Alert} alert
   * @param {import("../answers.js").FiringGroup} firing
   */
  group(alert, { group, since, figures }) {
    const name = groupText(group);
    const canSilence = group && Object.keys(group).length > 0;
    const own = canSilence && silenceOf((this.silences ?? []).filter((one) => one.group), this.name, group);
    const lines = this.link("Lines", { group, begin: since, end: null }, name || safe(alert.name));
    lines.dataset.key = `lines ${name}`;
    const act = this.may && canSilence && !own && !this.silence ? button("Silence this", "link", () => this.told.silence(this.name, group), `Silence this: ${name}`) : "";
    if (act) act.dataset.key = `silence ${name}`;
    const about = [`since ${at(since)}`, safe(figures)].filter(Boolean).join(" · ");
    return element("li", "", element("span", "group", name), element("span", "figures", about), own ? element("span", "silenced-until", `silenced until ${at(own.until)}`) : "", lines, act);
  }

  /** @param {Alert} alert */
  last({ name, last }) {
    if (!last?.end) return [];
    const group = groupText(last.group);
    const link = this.link("Lines", last, `the last episode of ${safe(name)}`);
    link.dataset.key = "last";
    return [element("p", "last", `Last fired ${timesOf(last)}${group && `, ${group}`} `, link)];
  }

  /** @param {Alert} alert */
  sent({ delivery, ways, of, error }) {
    const states = delivery.map((one) => element("li", one.state === "failed" ? "alarm" : "", deliveryText(one, this.since ?? "")));
    const list = states.length ? element("ul", "", ...states) : element("p", "note", ways.length || error ? "sends nothing" : "sends nothing: no command, no webhook");
    return [list, element("p", "note", of === "page" ? "made on this page" : "from the configuration; changed there")];
  }

  /** @param {Alert} alert */
  acts(alert) {
    const name = safe(alert.name);
    const query = /** @type {HTMLAnchorElement} */ (element("a", "link", "Live page"));
    query.href = url({ q: asLines(alert.alert), last: "1h" });
    query.dataset.key = "live";
    query.ariaLabel = `Live page: the lines of ${name}`;
    if (alert.error) query.hidden = true;
    /** @type {[string, string, () => void][]} */
    const all = [];
    if (this.may && !this.silence && !alert.error) all.push(["silence", "Silence …", () => this.told.silence(this.name, null)]);
    if (this.may && alert.of === "page") all.push(["change", "Change", () => this.told.change(alert)], ["remove", "Remove", () => this.told.remove(alert)]);
    return [query, ...all.map(([key, text, act]) => {
      const made = button(text, "link", act, `${text} ${name}`);
      made.dataset.key = key;
      return made;
    })];
  }

  /**
   * @param {string} text
   * @param {import("./alert_words.js").Episode} episode
   * @param {string} what
   */
  link(text, episode, what) {
    const made = /** @type {HTMLAnchorElement} */ (element("a", "link", text));
    made.href = linkTo(/** @type {Alert} */ (this.alert).alert, episode);
    made.ariaLabel = `${text}: ${what}`;
    return made;
  }
}
