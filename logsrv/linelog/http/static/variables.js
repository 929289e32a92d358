/**
 * Variables of boards: the `$host` in searches such as `hostname=$host level>=error`. The server says where they
 * stand in a query (`board_variables.py`); values are put there on this page, each as a value. What is chosen
 * stands in the address, `/board?name=shop&var.host=web1&var.host=web2`; without `var.host`, all values are.
 */

import { byId, element } from "./dom.js";
import { writtenField } from "./field_names.js";
import { asLines, extractedNames } from "./stages.js";
import { VariableChoice } from "./variable_choice.js";
import { VariableField } from "./variable_field.js";
import { MOST_CHOSEN, PREFIX, chosenIn, filled, shownValue, valueInQuery } from "./variable_values.js";

/** @typedef {import("./variable_values.js").Comparison} Comparison */
/** @typedef {import("../answers.js").SavedSearch} Search */
/** @typedef {{name: string, field: string, query: string, condition: (text: string) => string}} Variable query: for the lines whose values are offered; condition: the query for those that contain a text */

/** Values in the text of a button. */
const MOST_NAMED = 2;

export class Variables {
  /**
   * @param {(variable: string) => import("./address.js").PageState | undefined} stateOf returns the state of a panel that has it, with the time in which its values are asked for
   * @param {() => void} onChange called when other values are chosen
   * @param {(variable: string, field: string) => Promise<void>} saveField
   * @param {() => boolean} mayChange whether the board may be changed
   */
  constructor(stateOf, onChange, saveField, mayChange) {
    this.part = byId("variables");
    this.onChange = onChange;
    this.chosen = chosenIn(location.search);
    /** @type {Variable[]} */
    this.all = [];
    /** @type {Map<string, HTMLButtonElement>} */
    this.buttons = new Map();
    this.choice = new VariableChoice(stateOf);
    this.field = new VariableField(saveField);
    this.mayChange = mayChange;
    addEventListener("popstate", () => {
      this.choice.dialog.close();
      this.chosen = chosenIn(location.search);
      this.say();
      this.onChange();
    });
  }

  /**
   * Offer a choice for each variable of a board's searches.
   * @param {Search[]} searches
   * @param {Record<string, string>} fields those of which the board says whose values they are
   */
  show(searches, fields) {
    /** @type {Map<string, Variable>} */
    const found = new Map();
    for (const { template = [] } of searches) {
      for (const part of template) {
        if (typeof part !== "string" && !found.has(part.variable)) found.set(part.variable, variableOf(part, template, fields));
      }
    }
    this.all = [...found.values()];
    this.part.hidden = !this.all.length;
    const names = this.all.map(({ name }) => name);
    if (names.join() !== [...this.buttons.keys()].join()) {
      this.buttons = new Map(names.map((name) => [name, this.buttons.get(name) ?? this.button(name)]));
      this.part.replaceChildren(...this.buttons.values());
    }
    this.say();
  }

  /** @param {string} name */
  button(name) {
    const made = /** @type {HTMLButtonElement} */ (element("button", "choice-button"));
    made.type = "button";
    made.ariaHasPopup = "dialog";
    made.addEventListener("click", () => {
      if (!this.openChoice(name)) return;
      // With another field there are other values to choose.
      const opened = () => /** @type {Variable} */ (this.all.find((one) => one.name === name));
      this.field.open(opened(), this.mayChange(), () => {
        this.openChoice(name);
        this.field.open(opened(), true, this.field.onSaved);
        this.field.input.focus();
      });
    });
    return made;
  }

  /** @param {string} name */
  openChoice(name) {
    const variable = this.all.find((one) => one.name === name);
    if (variable) this.choice.open(variable, this.chosen.get(name) ?? [], (values) => this.choose(name, values));
    return variable;
  }

  /** Write what is chosen on the buttons. */
  say() {
    for (const [name, button] of this.buttons) {
      const values = this.chosen.get(name) ?? [];
      button.replaceChildren(element("span", "name", `${name}: `), element("span", "value", named(values, MOST_NAMED)));
      button.title = `Values of $${name}: ${named(values, MOST_CHOSEN)}`;
      button.classList.toggle("chosen", values.length > 0);
    }
  }

  /**
   * @param {string} name
   * @param {string[]} values none: all
   */
  choose(name, values) {
    if (values.length) this.chosen.set(name, values);
    else this.chosen.delete(name);
    const next = this.withChosen(location.pathname + location.search);
    if (next !== location.pathname + location.search) history.pushState(history.state, "", next);
    this.say();
    this.onChange();
    this.buttons.get(name)?.focus();
  }

  /**
   * Return an address of this page with what is chosen.
   * @param {string} address
   */
  withChosen(address) {
    const [path, query = ""] = address.split("?");
    const given = new URLSearchParams(query);
    for (const key of [...given.keys()]) if (key.startsWith(PREFIX)) given.delete(key);
    for (const [name, values] of this.chosen) for (const value of values) given.append(PREFIX + name, value);
    return given.size ? `${path}?${given}` : path;
  }

  /**
   * Return a search with a query in which values stand for the variables.
   * @template {Search | undefined} Given
   * @param {Given} search
   * @returns {Given}
   */
  fill(search) {
    if (!search?.template) return search;
    const { template, ...rest } = search;
    return /** @type {Given} */ ({ ...rest, q: filled(template, this.chosen) });
  }

  /** Return what is chosen, for the head of a printed board. @returns {Record<string, string>} */
  get printed() {
    return Object.fromEntries(this.all.map(({ name }) => [`$${name}`, named(this.chosen.get(name) ?? [], MOST_CHOSEN)]));
  }
}

/**
 * @param {string[]} values
 * @param {number} most of them by their names
 */
function named(values, most) {
  const some = values.slice(0, most).map(shownValue).join(", ");
  return !values.length ? "all" : values.length > most ? `${some} and ${values.length - most} more` : some;
}

/**
 * @param {Comparison} comparison the first one with it
 * @param {(string | Comparison)[]} template
 * @param {Record<string, string>} fields
 * @returns {Variable}
 */
function variableOf({ variable, field: compared }, template, fields) {
  const field = Object.hasOwn(fields, variable) ? fields[variable] : compared;
  const lines = asLines(filled(template, new Map()));
  const contains = (/** @type {string} */ text) => `${writtenField(field)}:${valueInQuery(text)}`;
  // An extracted field is known behind its extraction alone; of others, all lines have a say, not only those of this search.
  const isExtracted = extractedNames(lines).includes(field);
  return { name: variable, field, query: isExtracted ? lines : "", condition: (text) => (isExtracted ? `${lines} | where ${contains(text)}` : contains(text)) };
}
