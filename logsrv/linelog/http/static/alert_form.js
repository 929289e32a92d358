/** The form for an alert: made of a query of the page, or changed; counted for a span of time as it is typed. */

import { completeAlert } from "./alert_completion.js";
import { askNumber, nameFor, stepsOf, withNumber } from "./alert_proposal.js";
import { proposals, wantsNumber } from "./alert_text.js";
import { asSentence } from "./alert_words.js";
import { address, send } from "./api.js";
import { Box } from "./box.js";
import { button, byId, option } from "./dom.js";
import { attempt } from "./notice.js";
import { nameOfRange, offerLast } from "./scope.js";
import { printable } from "./text.js";
import { figure } from "./times.js";
import { WouldFire, nameOfSpan } from "./would_fire.js";

/** @typedef {import("./alert_words.js").Alert} Alert */
/** @typedef {import("./alert_words.js").Known} Known */

export const PATH = "/api/alerts";

export class AlertForm {
  /**
   * @param {() => Known | null} known returns what the server told last
   * @param {(answer: Known, name: string) => void} onSaved
   */
  constructor(known, onSaved) {
    this.known = known;
    this.onSaved = onSaved;
    this.part = byId("make");
    this.form = /** @type {HTMLFormElement} */ (byId("alert-form"));
    this.name = /** @type {HTMLInputElement} */ (byId("alert-name"));
    this.last = /** @type {HTMLSelectElement} */ (byId("last"));
    this.switch = byId("new-button");
    /** The name of the alert that is changed, and its text when the form was opened; "" for a new one. */
    this.changed = this.before = "";
    /** The span of the live page, if it is none of the menu's. */
    this.span = { since: "", until: "" };
    /** The reader has typed a name: until then it is that of the text. */
    this.isNamed = false;
    this.looking = new AbortController();
    this.box = new Box((text) => this.count(text), () => this.showSave());
    this.would = new WouldFire({ accept: () => this.box.accept(), hint: (text) => this.box.hint(text), refuse: (sentence, at) => this.box.refuse(sentence, at) });
    completeAlert(this.box, () => ({ since: this.last.value === "all" ? "" : this.last.value || this.span.since, until: this.last.value ? "" : this.span.until }));
    /** Takes the answer to the question whether an alert is to be replaced. @type {(isYes: boolean) => void} */
    this.answered = () => {};
    const replace = /** @type {HTMLDialogElement} */ (byId("replace"));
    // The event of an earlier question may come after the next one is shown.
    replace.addEventListener("close", () => replace.open || this.answered(replace.returnValue === "yes"));
    this.box.input.addEventListener("input", () => this.typed());
    this.last.addEventListener("change", () => this.count(this.box.value));
    this.name.addEventListener("input", () => {
      this.isNamed = true;
      this.showSave();
    });
    this.switch.addEventListener("click", () => (this.part.hidden ? this.make("") : this.close()));
    byId("make-close").addEventListener("click", () => this.close());
    this.part.addEventListener("keydown", (event) => event.key === "Escape" && !event.defaultPrevented && this.close());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      attempt(() => this.submit());
    });
  }

  /** Open the form that the address of the page names, if it names one. */
  openAddressed() {
    const given = new URLSearchParams(location.search);
    const [q, text, last, since, until] = ["q", "alert", "last", "since", "until"].map((one) => (given.get(one) ?? "").slice(0, 4000));
    this.span = { since, until };
    if (since || until) this.last.prepend(option("", nameOfSpan(since, until)));
    offerLast(last);
    this.last.value = since || until ? "" : last;
    // Without a span, or with an unknown one.
    if (!this.last.value && !(since || until)) this.last.value = "24h";
    if (text) this.open(text, "");
    else if (q || given.has("new")) this.make(q);
  }

  /** Offer alerts made of a query. @param {string} query */
  make(query) {
    const all = query || new URLSearchParams(location.search).has("new") ? proposals(query) : [];
    const kinds = byId("kinds");
    kinds.hidden = all.length < 2;
    const buttons = all.map(({ title, text }) => button(title, "choice-button", () => {
      this.propose(text, true);
      for (const one of buttons) one.ariaPressed = String(one.textContent === title);
    }));
    if (buttons.length) buttons[0].ariaPressed = "true";
    kinds.replaceChildren("Alert on ", ...buttons);
    this.open(all[0]?.text ?? "", "", true);
  }

  /** @param {string} text @param {boolean} isNew it is a proposal, for which a number may be proposed, too */
  propose(text, isNew) {
    const { input } = this.box;
    this.box.set(text);
    this.typed();
    input.focus();
    input.setSelectionRange(text.length, text.length);
    if (isNew && stepsOf(text)) this.look(text);
    else this.count(text);
  }

  /** Look how large the figures of a proposed text were, and propose a number above them. @param {string} text */
  async look(text) {
    const { signal } = this.looking;
    this.would.clear("Looking how large it was …");
    const { input } = this.box;
    /** @type {Awaited<ReturnType<typeof askNumber>>} */
    let found = null;
    try {
      found = await askNumber(text, await this.would.scope(this.asked(text), signal), signal);
    } catch {
      // Then the reader types the number, and an error of the text is told where it is counted.
    }
    if (signal.aborted) return;
    if (!found) return this.count(text);
    const { text: filled, start, end } = withNumber(text, found.number);
    this.box.set(filled);
    this.typed();
    this.count(filled);
    // Typing replaces it.
    if (document.activeElement === input) input.setSelectionRange(start, end);
    byId("proposed").textContent = `${figure(Number(found.number))} is proposed: the largest was ${figure(found.most)} in ${this.asked(text).range}.`;
  }

  /** Change an alert that is there. @param {Alert} alert */
  change({ name, alert }) {
    byId("kinds").hidden = true;
    this.open(alert, name);
  }

  /** @param {string} text @param {string} name of the alert to change; "" for a new one */
  open(text, name, isNew = false) {
    this.changed = this.name.value = name;
    this.isNamed = name !== "";
    this.before = name ? text : "";
    byId("make-heading").textContent = name ? `Change ${printable(name)}` : "New alert";
    this.part.hidden = false;
    this.switch.ariaExpanded = "true";
    this.note("");
    this.propose(text, isNew);
    this.part.scrollIntoView({ block: "nearest" });
  }

  close() {
    this.looking.abort();
    this.would.stop();
    this.box.accept();
    this.part.hidden = true;
    this.switch.ariaExpanded = "false";
    history.replaceState(null, "", "/alerts");
    this.switch.focus();
  }

  typed() {
    // A proposed number would replace what is typed.
    this.looking.abort();
    this.looking = new AbortController();
    byId("proposed").textContent = "";
    this.would.stop();
    this.showSave();
  }

  /** Count for the text, unless something is still to be typed. @param {string} text */
  count(text) {
    if (!this.part.hidden) history.replaceState(null, "", address("/alerts", { alert: text, last: this.last.value, ...(!this.last.value && this.span) }));
    if (!text.trim()) return this.would.clear("Write what lines the alert is about.");
    if (wantsNumber(text)) return this.would.clear("Type the number with which it is compared.");
    this.would.count(this.asked(text));
  }

  /** Return what is asked of a text: in the chosen time. @param {string} text */
  asked(text) {
    const last = this.last.value;
    const range = last ? nameOfRange({ last }) : "this time";
    return { text, last, ...(last ? { since: "", until: "" } : this.span), range };
  }

  /** @param {string} sentence */
  note(sentence) {
    byId("save-note").textContent = sentence;
  }

  /** The alert whose name the form has. */
  get namesake() {
    return this.known()?.alerts.find(({ name }) => name === this.name.value.trim());
  }

  /** Return whether an alert is another one than the form was opened for: perhaps another reader has changed it since. @param {Alert} there */
  isAnother({ name, alert }) {
    return name !== this.changed || alert !== this.before;
  }

  /** Say what the button does, and why it cannot. */
  showSave() {
    const save = /** @type {HTMLButtonElement} */ (byId("save"));
    const known = this.known();
    if (!this.isNamed) this.name.value = this.box.value.trim() && nameFor(this.box.value, known?.alerts.map(({ name }) => name) ?? []);
    const there = this.namesake;
    save.textContent = there && this.isAnother(there) ? "Replace …" : "Save";
    save.disabled = !known?.may_change || !known.ways.length;
    if (known && !known.may_change) this.note(asSentence(known.why_not));
    else if (known && !known.ways.length) this.note("This server has neither --alert-command nor --alert-webhook: an alert of the page could send nothing.");
    else this.note(this.changed && this.name.value.trim() !== this.changed ? `A new one: ${printable(this.changed)} stays.` : "");
  }

  async submit() {
    const name = this.name.value.trim();
    const there = this.namesake;
    if (!name) return;
    if (there && this.isAnother(there) && !(await this.mayReplace(there))) return this.name.focus();
    try {
      const answer = await send("PUT", `${PATH}/${encodeURIComponent(name)}`, { alert: this.box.value });
      this.close();
      this.onSaved(answer, name);
    } catch (error) {
      const { message, at = null } = /** @type {import("./api.js").ApiError} */ (error);
      if (at === null) this.note(asSentence(message));
      else {
        this.box.refuse(message, at);
        this.box.tell();
        this.box.input.focus();
      }
    }
  }

  /** Ask whether an alert of that name is to be replaced. @param {Alert} there @returns {Promise<boolean>} */
  mayReplace({ name, alert, of }) {
    const dialog = /** @type {HTMLDialogElement} */ (byId("replace"));
    byId("replace-what").textContent = `${printable(name)} is already an alert ${of === "page" ? "of this page" : "of the configuration"}: ${printable(alert)}`;
    dialog.returnValue = "";
    dialog.showModal();
    this.answered(false);
    return new Promise((resolve) => (this.answered = resolve));
  }
}
