/** The field whose values a variable of a board offers: that of the first search that compares it, unless a reader chooses another. */

import { get } from "./api.js";
import { byId, option } from "./dom.js";
import { attempt } from "./notice.js";
import { printable } from "./text.js";

/** @typedef {import("./variables.js").Variable} Variable */

export class VariableField {
  /** @param {(variable: string, field: string) => Promise<void>} save keeps it with the board; "": that of the search */
  constructor(save) {
    this.save = save;
    this.input = /** @type {HTMLInputElement} */ (byId("variable-field"));
    this.note = byId("variable-field-note");
    this.button = byId("variable-field-save");
    /** @type {Variable | null} */
    this.variable = null;
    this.onSaved = () => {};
    this.button.addEventListener("click", () => attempt(() => this.keep()));
    // Enter means this field, and not the values above it.
    this.input.addEventListener("keydown", (event) => {
      // Arrows lead through the fields that are offered, and not through the values.
      if (["ArrowDown", "ArrowUp"].includes(event.key)) event.stopPropagation();
      if (event.key !== "Enter" || event.isComposing) return;
      event.preventDefault();
      event.stopPropagation();
      attempt(() => this.keep());
    });
    this.input.addEventListener("input", () => this.show());
  }

  /**
   * @param {Variable} variable
   * @param {boolean} mayChange
   * @param {() => void} onSaved
   */
  open(variable, mayChange, onSaved) {
    this.variable = variable;
    this.onSaved = onSaved;
    this.input.value = variable.field;
    this.note.textContent = "";
    byId("variable-field-part").hidden = !mayChange;
    this.show();
    if (mayChange) this.offer(variable).catch(() => {});
  }

  show() {
    this.button.hidden = this.input.value.trim() === this.variable?.field;
  }

  /** Offer the fields that lines have. @param {Variable} variable */
  async offer(variable) {
    const { fields } = await get("/api/fields", { since: "24h" });
    if (variable !== this.variable) return;
    byId("variable-fields").replaceChildren(...fields.map((/** @type {{name: string}} */ { name }) => option(name)));
  }

  async keep() {
    const { variable } = this;
    const field = this.input.value.trim();
    if (!variable || field === variable.field) return;
    await this.save(variable.name, field);
    this.onSaved();
    this.note.textContent = field ? `The values of $${variable.name} are those of ${printable(field)} from now on.` : "The field is that of the search again.";
  }
}
