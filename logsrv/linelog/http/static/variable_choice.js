/** The dialog in which values of a board's variable are chosen: from a list that typing filters, or typed. */

import { get } from "./api.js";
import { byId, element } from "./dom.js";
import { writtenField } from "./field_names.js";
import { scopeOf } from "./scope.js";
import { counted, number } from "./times.js";
import { MOST_CHOSEN, shownValue } from "./variable_values.js";

/** @typedef {{value: string, count: number | null}} Value count: of its lines */

/** Values that are asked for, and shown. */
const MOST_ASKED = 200;
const MOST_SHOWN = 50;
/** Milliseconds without a key before values with the typed text are asked for. */
const PAUSE = 250;

export class VariableChoice {
  /** @param {(variable: string) => import("./address.js").PageState | undefined} stateOf */
  constructor(stateOf) {
    this.stateOf = stateOf;
    this.dialog = /** @type {HTMLDialogElement} */ (byId("variable"));
    this.text = /** @type {HTMLInputElement} */ (byId("variable-text"));
    this.list = byId("variable-values");
    this.abort = new AbortController();
    this.timer = 0;
    /** @type {import("./variables.js").Variable | null} */
    this.variable = null;
    /** @type {Set<string>} */
    this.chosen = new Set();
    /** @type {Value[]} the most frequent values, and whether these are all */
    this.common = [];
    this.areAll = false;
    /** @type {Value[]} those with the typed text */
    this.found = [];
    /** Whether the typed text itself is meant, as nothing was checked since; and whether anything was at all. */
    this.isTyped = this.isChanged = false;
    this.onChoose = (/** @type {string[]} */ _values) => {};
    this.text.addEventListener("input", () => this.type());
    this.dialog.addEventListener("keydown", (event) => this.walk(event));
    this.dialog.addEventListener("close", () => this.dialog.open || this.stop());
    byId("variable-close").addEventListener("click", () => this.dialog.close());
    byId("variable-form").addEventListener("submit", (event) => {
      event.preventDefault();
      // A typed value replaces what was shown before, and is added to what was checked here.
      if (this.isTyped && !this.isChanged) this.chosen.clear();
      if (this.isTyped && this.chosen.size < MOST_CHOSEN) this.chosen.add(this.text.value);
      this.dialog.close();
      this.onChoose([...this.chosen]);
    });
  }

  /**
   * @param {import("./variables.js").Variable} variable
   * @param {string[]} chosen
   * @param {(values: string[]) => void} onChoose gets other values
   */
  async open(variable, chosen, onChoose) {
    this.stop();
    this.variable = variable;
    this.chosen = new Set(chosen);
    this.onChoose = onChoose;
    this.common = this.found = [];
    this.areAll = this.isTyped = this.isChanged = false;
    this.text.value = "";
    byId("variable-heading").textContent = `$${variable.name}`;
    byId("variable-legend").textContent = `Values of ${shownValue(variable.field)}`;
    this.draw("Values are being counted …");
    if (!this.dialog.open) this.dialog.showModal();
    this.text.focus();
    const values = await this.ask(variable.query);
    if (!values) return;
    this.common = values;
    this.areAll = values.length < MOST_ASKED;
    if (this.text.value) this.type();
    else this.draw();
  }

  stop() {
    clearTimeout(this.timer);
    this.abort.abort();
  }

  /**
   * Return the most frequent values of lines that match; null if something else is asked by then, or it failed.
   * @param {string} q
   * @returns {Promise<Value[] | null>}
   */
  async ask(q) {
    this.stop();
    const { signal } = (this.abort = new AbortController());
    const { name, field } = /** @type {import("./variables.js").Variable} */ (this.variable);
    const state = this.stateOf(name);
    try {
      const scope = state ? await scopeOf(state) : {};
      const { values } = await get("/api/top", { field: writtenField(field), q, ...scope, limit: MOST_ASKED }, signal);
      return values.map((one) => ({ value: String(one.value), count: one.count }));
    } catch (error) {
      if (!signal.aborted) this.draw(`${/** @type {Error} */ (error).message} A value can be typed.`);
      return null;
    }
  }

  /** Show the values with the typed text; if there are more than are known here, ask for them. */
  type() {
    const typed = this.text.value;
    this.isTyped = typed !== "";
    clearTimeout(this.timer);
    this.found = this.common.filter(({ value }) => value.toLowerCase().includes(typed.toLowerCase()));
    if (!typed || this.areAll) return this.draw();
    this.draw("More values are looked for …");
    this.timer = setTimeout(async () => {
      const values = await this.ask(/** @type {import("./variables.js").Variable} */ (this.variable).condition(typed));
      if (!values || this.text.value !== typed) return;
      this.found = values;
      this.draw();
    }, PAUSE);
  }

  /** @param {string} [sentence] instead of the number of values */
  draw(sentence) {
    const typed = this.text.value;
    const known = typed ? this.found : this.common;
    // What is chosen stays in its place while the list is open, and cannot be lost behind a text.
    const counts = new Map([...this.common, ...known].map(({ value, count }) => [value, count]));
    const first = [...this.chosen].filter((value) => !known.slice(0, MOST_SHOWN).some((one) => one.value === value));
    const rows = [...first.map((value) => ({ value, count: counts.get(value) ?? null })), ...known.slice(0, MOST_SHOWN)];
    const asTyped = typed && !rows.some(({ value }) => value === typed) ? [this.row({ value: typed, count: null }, "as typed")] : [];
    this.list.replaceChildren(this.rowOfAll(), ...asTyped, ...rows.map((one) => this.row(one)));
    const more = known.length > MOST_SHOWN || (!typed && !this.areAll && known.length >= MOST_SHOWN);
    const some = known.length >= MOST_ASKED ? `more than ${number(MOST_ASKED - 1)}` : number(known.length);
    const said = more ? `${MOST_SHOWN} of ${some} values; type a part of one to find others.` : `${counted(known.length, "value")}${typed ? " with this text" : ""}.`;
    const full = this.chosen.size >= MOST_CHOSEN ? ` ${MOST_CHOSEN} values are chosen; there cannot be more.` : "";
    byId("variable-note").textContent = (sentence ?? said) + full;
  }

  rowOfAll() {
    const box = checkbox(!this.chosen.size);
    box.addEventListener("change", () => {
      this.chosen.clear();
      this.mark();
    });
    return element("li", "all", element("label", "", box, element("span", "name", "All")));
  }

  /**
   * @param {Value} value
   * @param {string} [note]
   */
  row({ value, count }, note = count === null ? "" : number(count)) {
    const box = checkbox(this.chosen.has(value));
    box.dataset.value = value;
    box.addEventListener("change", () => {
      if (!box.checked) this.chosen.delete(value);
      else if (this.chosen.size < MOST_CHOSEN) this.chosen.add(value);
      this.mark();
    });
    return element("li", "", element("label", "", box, element("span", "name", shownValue(value)), element("span", "note", note)));
  }

  /** Check the boxes of what is chosen. */
  mark() {
    this.isTyped = false;
    this.isChanged = true;
    for (const box of /** @type {NodeListOf<HTMLInputElement>} */ (this.list.querySelectorAll("input"))) {
      box.checked = box.dataset.value === undefined ? !this.chosen.size : this.chosen.has(box.dataset.value);
    }
  }

  /** @param {KeyboardEvent} event an arrow key, which leads from the text into the list and through it */
  walk(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    const stops = [this.text, .../** @type {NodeListOf<HTMLElement>} */ (this.list.querySelectorAll("input"))];
    const at = stops.findIndex((one) => one === document.activeElement);
    stops[Math.max(0, Math.min(at + step, stops.length - 1))].focus();
    event.preventDefault();
  }
}

/** @param {boolean} isChecked */
function checkbox(isChecked) {
  const made = /** @type {HTMLInputElement} */ (element("input"));
  made.type = "checkbox";
  made.checked = isChecked;
  return made;
}
