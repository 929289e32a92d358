/** What the server is asked for, of all parts of the page: it is shown, and can be cancelled. */

import { byId } from "./dom.js";
import { attempt } from "./notice.js";
import { showProgress } from "./progress.js";
import { counted } from "./times.js";

/**
 * @typedef {object} Parts
 * @property {import("./view.js").View} view
 * @property {import("./figures.js").Figures} figures
 * @property {import("./patterns.js").Patterns} patterns
 * @property {import("./older.js").Older} older
 * @property {import("./empty.js").Empty} empty
 * @property {import("./later_table.js").LaterTable} table
 */

export class Work {
  /**
   * @param {Parts} parts
   * @param {() => {asking: boolean, turns: number}} state asking: another view is asked for. turns: the number of such requests
   * @param {() => void} onCancel called to end the request for another view
   */
  constructor(parts, state, onCancel) {
    this.parts = parts;
    this.state = state;
    this.onCancel = onCancel;
    /** The number of actions of the user for which the server is asked. */
    this.acts = 0;
  }

  /** True if something takes so long that it is said in words. */
  get takesLong() {
    return !byId("progress-words").hidden;
  }

  show() {
    const { view, figures, patterns, older, empty, table } = this.parts;
    const { asking, turns } = this.state();
    const searches = () => view.searching || view.loading || older.looking || empty.looking;
    // It is asked for again each second, when something else may be under way.
    const about = () => {
      const when = byId("lines").dataset.scope;
      if (view.searching) return `Searching ${when}, ${counted(view.lines.size, "line")} so far`;
      if (this.state().asking || this.acts) return (this.state().asking && table.said) || "Waiting for the server";
      if (empty.looking) return "Searching for each part of the query";
      if (patterns.panel.pending && patterns.isNew) return "Counting the patterns of all lines";
      return searches() ? "Searching for more lines" : `Counting the lines of ${when}`;
    };
    showProgress(asking || searches() || this.acts > 0 || figures.busy || patterns.panel.pending, about, turns, () => this.cancel());
  }

  /** End all that takes long, and keep what is shown. */
  cancel() {
    const { view, figures, patterns } = this.parts;
    view.cancel();
    for (const inquiry of [figures.inquiry, figures.fields.panel, patterns.panel]) inquiry.cancel();
    view.lines.scroller.focus();
    this.onCancel();
    this.show();
  }

  /**
   * Do something for which the server is asked for lines, and show that it is.
   * @param {() => Promise<unknown>} action
   */
  async act(action) {
    this.acts += 1;
    this.show();
    await attempt(action);
    this.acts -= 1;
    this.show();
  }
}
