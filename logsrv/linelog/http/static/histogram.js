/** The number of lines over time, by level. Dragging over it, or moving along it with keys, selects a time. */

import { bars, draw, seriesOf } from "./bars.js";
import { button, byId, element } from "./dom.js";
import { printable } from "./text.js";
import { ticks } from "./ticks.js";
import { counted, number, span, tick } from "./times.js";

const HEIGHT = 56;
const A_BAR = 9;
const A_LABEL = 90;

/** @param {number} seconds */
function long(seconds) {
  const [count, unit] = seconds < 60 ? [seconds, "s"] : seconds < 3600 ? [seconds / 60, "min"] : seconds < 86400 ? [seconds / 3600, "h"] : [seconds / 86400, "d"];
  return `${number(count)} ${unit}`;
}

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
    this.levels = [...byId("legend").children];
    this.onSelect = onSelect;
    this.onClear = onClear;
    this.box = byId("histogram");
    this.svg = /** @type {SVGElement} */ (/** @type {unknown} */ (byId("bars")));
    this.band = byId("band");
    this.tip = byId("tip");
    /** @type {import("./bars.js").Bar[]} */
    this.bars = [];
    /** @type {{from: number, to: number} | null} indexes of bars */
    this.range = null;
    this.dragging = false;
    this.listen();
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
    if (this.dragging) return;
    const moved = this.bars[0]?.start !== Date.parse(answer.since);
    this.bars = bars(answer);
    this.series = answer.values ? seriesOf(answer.values) : null;
    this.showLegend(answer.by ?? "");
    if (moved && document.activeElement !== this.box) this.range = null;
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
    this.axis(width);
    this.drawRange();
  }

  /** @param {number} width */
  axis(width) {
    const [first, last] = [this.bars[0], this.bars[this.bars.length - 1]];
    const labels = [];
    if (first) {
      const whole = last.end - first.start;
      const { step, times } = ticks(first.start, last.end, Math.max(2, Math.floor(width / A_LABEL)));
      for (const time of times) {
        const label = element("span", "", tick(new Date(time), step));
        label.dataset.time = new Date(time).toISOString();
        label.style.left = `${(100 * (time - first.start)) / whole}%`;
        labels.push(label);
      }
    }
    byId("axis").replaceChildren(...labels);
    // Labels that would be cut at the edges are hidden.
    for (const label of labels) label.classList.toggle("unseen", label.offsetLeft < label.offsetWidth / 2 || label.offsetLeft > width - label.offsetWidth / 2);
    const most = Math.max(0, ...this.bars.map((bar) => bar.count));
    byId("peak").textContent = most && first ? `peak ${number(most)} in ${long((first.end - first.start) / 1000)}` : "";
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
    if (this.dragging) this.clear();
  }

  listen() {
    this.box.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !this.bars.length) return;
      this.box.setPointerCapture(event.pointerId);
      this.dragging = true;
      const index = this.indexAt(event);
      this.range = { from: index, to: index };
      this.drawRange();
    });
    this.box.addEventListener("pointermove", (event) => {
      if (!this.bars.length) return;
      const index = this.indexAt(event);
      if (this.dragging && this.range) {
        this.range.to = index;
        this.drawRange();
      } else this.showTip(index, index);
    });
    this.box.addEventListener("pointerup", () => {
      if (!this.dragging) return;
      this.dragging = false;
      this.select();
    });
    this.box.addEventListener("pointercancel", () => this.clear());
    this.box.addEventListener("pointerleave", () => !this.dragging && (this.tip.hidden = true));
    this.box.addEventListener("keydown", (event) => this.key(event));
    this.box.addEventListener("blur", () => !this.dragging && this.clear());
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const last = this.bars.length - 1;
    if (last < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = this.range?.to ?? last + 1;
    const target = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: last, PageUp: at - 10, PageDown: at + 10 }[event.key];
    if (target !== undefined) {
      const to = Math.max(0, Math.min(last, target));
      this.range = { from: event.shiftKey && this.range ? this.range.from : to, to };
      this.drawRange();
      byId("histogram-status").textContent = this.sentence(...(this.chosen ?? [to, to]));
    } else if (event.key === "Enter" && this.range) this.select();
    else if (event.key === "Escape") {
      if (this.range) this.clear();
      else this.onClear();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {PointerEvent} event */
  indexAt(event) {
    const { left, width } = this.box.getBoundingClientRect();
    const index = Math.floor(((event.clientX - left) / width) * this.bars.length);
    return Math.max(0, Math.min(this.bars.length - 1, index));
  }

  /** The indexes of the first and the last selected bar, by time. @returns {[number, number] | null} */
  get chosen() {
    if (!this.range) return null;
    const { from, to } = this.range;
    return Math.max(from, to) < this.bars.length ? [Math.min(from, to), Math.max(from, to)] : null;
  }

  select() {
    const { chosen } = this;
    this.clear();
    if (!chosen) return;
    const [first, last] = chosen.map((index) => this.bars[index]);
    this.onSelect(new Date(first.from).toISOString(), new Date(last.to).toISOString());
  }

  clear() {
    this.range = null;
    this.dragging = false;
    this.drawRange();
  }

  drawRange() {
    const { chosen } = this;
    this.band.hidden = this.tip.hidden = !chosen;
    if (!chosen) return;
    const [from, to] = chosen;
    this.band.style.left = `${(100 * from) / this.bars.length}%`;
    this.band.style.width = `${(100 * (to + 1 - from)) / this.bars.length}%`;
    this.showTip(from, to);
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

  /**
   * @param {number} from
   * @param {number} to
   */
  showTip(from, to) {
    this.tip.textContent = this.sentence(from, to);
    this.tip.hidden = false;
    const middle = ((from + to + 1) / 2 / this.bars.length) * this.box.clientWidth;
    const half = this.tip.offsetWidth / 2;
    this.tip.style.left = `${Math.max(half, Math.min(this.box.clientWidth - half, middle))}px`;
  }
}
