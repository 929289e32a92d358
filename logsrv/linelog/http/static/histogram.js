/** The number of lines over time, by level. Dragging over it, or moving along it with keys, selects a time. */

import { bars, draw, colourNumbers, seriesOf } from "./bars.js";
import { button, byId, element } from "./dom.js";
import { printable } from "./text.js";
import { TimeBand } from "./time_band.js";
import { counted, long, number, span } from "./times.js";

const HEIGHT = 48;
const A_BAR = 9;

export class Histogram {
  /**
   * @param {(since: string, until: string) => void} onSelect with RFC 3339 times
   * @param {() => void} onClear
   * @param {(field: string, value: string, exclude: boolean) => void} onTerm
   */
  constructor(onSelect, onClear, onTerm) {
    this.onTerm = onTerm;
    /** @type {import("./bars.js").Series[] | null} of bars by a field; null: by level */
    this.series = null;
    /** @type {Map<string, number>} of the colour of each value */
    this.colours = new Map();
    this.levels = [...byId("legend").children];
    this.box = byId("histogram");
    this.svg = /** @type {SVGElement} */ (/** @type {unknown} */ (byId("bars")));
    /** @type {import("./bars.js").Bar[]} */
    this.bars = [];
    /** The usual length of a bar's time, in seconds. */
    this.step = 1;
    this.band = new TimeBand(this.box, byId("histogram-status"), {
      steps: () => this.bars,
      tip: (from, to) => [this.sentence(from, to)],
      select: onSelect,
      clear: onClear,
      clicks: true,
    });
    new ResizeObserver(() => this.draw()).observe(this.box);
  }

  /** The number of bars that there is room for. */
  get wanted() {
    return Math.max(20, Math.min(160, Math.floor(this.box.clientWidth / A_BAR)));
  }

  /**
   * @param {import("./bars.js").Histogram} answer
   * @param {number} after the number of lines that are dated after it
   */
  show(answer, after) {
    if (this.band.dragging) return;
    const moved = this.bars[0]?.start !== Date.parse(answer.since);
    this.colours = colourNumbers(answer.values ?? [], this.colours);
    this.series = answer.values ? seriesOf(answer.values, this.colours) : null;
    this.bars = bars(answer, this.series);
    this.step = answer.step;
    this.showLegend(answer.by ?? "");
    if (moved && document.activeElement !== this.box) this.band.range = null;
    this.draw();
    const lines = this.bars.reduce((sum, bar) => sum + bar.count, 0);
    byId("histogram-total").textContent = counted(lines, "line") + (after ? `, and ${number(after)} dated after now` : "");
    byId("histogram-span").textContent = span(new Date(answer.since), new Date(answer.until));
  }

  /** @param {string} field */
  showLegend(field) {
    const legend = byId("legend");
    legend.classList.toggle("by-field", Boolean(this.series));
    legend.ariaHidden = this.series ? null : "true";
    const of = JSON.stringify([field, this.series]);
    if (legend.dataset.of === of) return;
    legend.dataset.of = of;
    if (!this.series) return legend.replaceChildren(...this.levels);
    const rest = this.bars.some((bar) => bar.parts.some((part) => part.name === "none"));
    const shown = this.series.filter((one) => one.value !== undefined || rest);
    legend.replaceChildren(...shown.map(({ name, label, value }) => {
      const text = printable(label.length > 24 ? `${label.slice(0, 23)}…` : label);
      const choose = () => button(text, "link", () => this.onTerm(field, label, false), `Only lines with ${field}=${printable(label)}`);
      return element("li", `bar-${name}`, value === undefined ? text : choose());
    }));
  }

  draw() {
    const width = this.box.clientWidth;
    draw(this.svg, this.bars, width, HEIGHT);
    this.band.label(byId("axis"));
    const [most, first] = [Math.max(0, ...this.bars.map((bar) => bar.count)), this.bars[0]];
    byId("peak").textContent = most && first ? `Lines in ${long(this.step)}, at most ${number(most)}` : "";
    this.band.draw();
  }

  /**
   * Show that the numbers are unknown.
   * @param {string} sentence
   */
  fail(sentence) {
    this.bars = [];
    this.draw();
    byId("histogram-total").textContent = `Their number is not known. ${sentence}`;
    byId("histogram-span").textContent = "";
  }

  /** End a selection by dragging, because other bars are requested. */
  cancel() {
    if (this.band.dragging) this.band.clear();
  }

  /**
   * @param {number} from
   * @param {number} to
   */
  sentence(from, to) {
    const chosen = this.bars.slice(from, to + 1);
    const sum = (/** @type {string[]} */ names) => chosen.flatMap((bar) => bar.parts).filter((part) => names.includes(part.name)).reduce((all, part) => all + part.count, 0);
    const lines = chosen.reduce((all, bar) => all + bar.count, 0);
    const said = [span(new Date(chosen[0].from), new Date(chosen[chosen.length - 1].to)), counted(lines, "line")];
    if (this.series) {
      const each = this.series.map(({ name, label }) => ({ label, count: sum([name]) })).filter(({ count }) => count);
      return [...said, ...each.map(({ label, count }) => `${printable(label.slice(0, 24))} ${number(count)}`)].join(" · ");
    }
    const errors = sum(["error", "critical"]);
    const warnings = sum(["warning"]);
    if (errors) said.push(counted(errors, "error"));
    if (warnings) said.push(counted(warnings, "warning"));
    return said.join(" · ");
  }
}
