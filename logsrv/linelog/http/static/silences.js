/** Silences of alerts and of their groups: the dialog that makes one, and the list of all, which ends them. */

import { asSentence, at, groupText, safe, silencedText } from "./alert_words.js";
import { ApiError, send } from "./api.js";
import { button, byId, element } from "./dom.js";
import { EXACT, day, exactTime, zone } from "./times.js";

/** @typedef {import("./alert_words.js").Group} Group */
/** @typedef {import("./alert_words.js").Known} Known */
/** @typedef {import("./alert_words.js").Silence} Silence */

const PATH = "/api/silences";
/** A clock time alone. */
const CLOCK = /^\d\d:\d\d(:\d\d)?$/;
const DAY = 864e5;

export class Silences {
  /**
   * @param {(answer: Known, said: string) => void} onChange
   * @param {(name: string, key: string) => void} onClose gets the alert, and what of it opened the dialog
   */
  constructor(onChange, onClose) {
    this.onChange = onChange;
    this.dialog = /** @type {HTMLDialogElement} */ (byId("silence"));
    this.form = /** @type {HTMLFormElement} */ (byId("silence-form"));
    this.until = /** @type {HTMLInputElement} */ (byId("until"));
    this.reason = /** @type {HTMLInputElement} */ (byId("reason"));
    this.error = byId("silence-error");
    this.list = byId("silence-list");
    this.drawn = "";
    this.name = "";
    /** @type {Group} */
    this.group = null;
    this.form.addEventListener("change", () => this.showUntil());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    this.dialog.addEventListener("close", () => onClose(this.name, this.group ? `silence ${groupText(this.group)}` : "silence"));
  }

  /** The chosen length of time; "" until a time. */
  get length() {
    return String(new FormData(this.form).get("for") ?? "");
  }

  showUntil() {
    byId("until-part").hidden = this.length !== "";
    if (!this.length) this.until.focus();
  }

  /** @param {string} name @param {Group} group */
  open(name, group) {
    this.name = name;
    this.group = group;
    this.form.reset();
    this.error.textContent = "";
    byId("until-zone").textContent = zone().name;
    const what = group ? `the group ${groupText(group)} of ${safe(name)}` : `all messages of ${safe(name)}`;
    byId("silence-what").textContent = `Sends nothing about ${what}. What still fires at its end is sent then.`;
    byId("until-part").hidden = true;
    this.dialog.showModal();
    /** @type {HTMLInputElement} */ (this.form.querySelector("[name=for]:checked")).focus();
  }

  async submit() {
    const end = this.length ? { for: this.length } : { until: endOf(this.until.value) };
    if (end.until === "") return this.refuse("Until when?");
    try {
      const answer = await send("POST", PATH, { alert: this.name, group: this.group, ...end, reason: this.reason.value.trim() });
      this.dialog.close();
      this.onChange(answer, `Silenced: ${silencedText({ alert: this.name, group: this.group })}`);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.refuse(asSentence(error.message));
    }
  }

  /** @param {string} sentence */
  refuse(sentence) {
    this.error.textContent = sentence;
    if (!this.length) this.until.select();
  }

  /** List the silences. @param {Known} known @param {(silence: Silence) => void} end ends one */
  show({ silences, may_change: may }, end) {
    byId("silences-part").hidden = !silences.length;
    const drawn = JSON.stringify([silences, may, day(new Date())]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    const focused = document.activeElement;
    const id = this.list.contains(focused) ? focused?.closest("li")?.id : "";
    const sorted = [...silences].sort((one, other) => Date.parse(one.until) - Date.parse(other.until));
    this.list.replaceChildren(...sorted.map((one) => {
      const what = silencedText(one);
      const act = may ? button("End now", "link", () => end(one), `End now: ${what}`) : "";
      const since = one.begun ? `since ${at(one.begun)}` : "";
      const made = element("li", "", element("span", "name", what), element("span", "until", `until ${at(one.until)}`), element("span", "note", [since, safe(one.reason)].filter(Boolean).join(" · ")), act);
      made.id = `silence-${one.id}`;
      return made;
    }));
    if (id) (document.getElementById(id)?.querySelector("button") ?? byId("silences-heading")).focus({ preventScroll: true });
  }
}

/**
 * Return a typed end in the chosen zone as a time with a zone; a clock time that has passed today is tomorrow's.
 * @param {string} text
 */
export function endOf(text) {
  const end = exactTime(text);
  const time = Date.parse(end);
  return CLOCK.test(text.trim()) && EXACT.test(end) && time <= Date.now() ? new Date(time + DAY).toISOString() : end;
}
