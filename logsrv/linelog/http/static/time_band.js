/** A span of time selected on a chart, by dragging or with keys; the tip at the pointer; the labels of the axis of time. */

import { element } from "./dom.js";
import { ticks } from "./ticks.js";
import { tick } from "./times.js";

/** Pixels for the label of a tick. */
const A_LABEL = 90;

/** @typedef {{start: number, end: number, from: number, to: number}} Step in milliseconds since 1970; from, to: the part of it that is counted */

export class TimeBand {
  /**
   * @param {HTMLElement} box it takes the keys, and contains a `.band` and a `.tip`
   * @param {HTMLElement} status says the tip to a screen reader
   * @param {{steps: () => Step[], tip: (from: number, to: number) => (string | Node)[], select: (since: string, until: string) => void, clear: () => void, clicks: boolean}} told
   *   steps: by time. tip: returns what is said of the steps from one index to another. clear: called by Escape without a selection. clicks: whether a click selects its step; else only its tip stays.
   */
  constructor(box, status, told) {
    this.box = box;
    this.status = status;
    this.told = told;
    this.band = /** @type {HTMLElement} */ (box.querySelector(".band"));
    this.tip = /** @type {HTMLElement} */ (box.querySelector(".tip"));
    /** @type {{from: number, to: number} | null} indexes of steps */
    this.range = null;
    this.dragging = false;
    /** Called when it is drawn without a selection, which hides the tip. */
    this.onDraw = () => {};
    /** The pointer went down on the step that was selected already. */
    this.isAgain = false;
    box.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !this.steps.length) return;
      box.setPointerCapture(event.pointerId);
      this.dragging = true;
      const index = this.indexAt(event);
      this.isAgain = this.range?.from === index && this.range.to === index;
      this.range = { from: index, to: index };
      this.draw();
    });
    box.addEventListener("pointermove", (event) => {
      if (!this.steps.length) return;
      const index = this.indexAt(event);
      if (this.dragging && this.range) {
        this.range.to = index;
        this.draw();
      } else this.showTip(index, index);
    });
    box.addEventListener("pointerup", ({ pointerType }) => {
      if (!this.dragging) return;
      this.dragging = false;
      // A finger cannot point without a tap: its first one leaves the tip.
      const acts = told.clicks && (pointerType !== "touch" || this.isAgain);
      if (acts || this.range?.from !== this.range?.to) this.select();
    });
    box.addEventListener("pointercancel", () => this.clear());
    box.addEventListener("pointerleave", () => !this.dragging && this.draw());
    box.addEventListener("keydown", (event) => this.key(event));
    box.addEventListener("blur", () => !this.dragging && this.clear());
  }

  get steps() {
    return this.told.steps();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const last = this.steps.length - 1;
    if (last < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = this.range?.to ?? last + 1;
    const target = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: last, PageUp: at - 10, PageDown: at + 10 }[event.key];
    if (target !== undefined) {
      const to = Math.max(0, Math.min(last, target));
      this.range = { from: event.shiftKey && this.range ? this.range.from : to, to };
      this.draw();
      this.status.textContent = [...this.tip.childNodes].map((one) => one.textContent).join(" · ");
    } else if (event.key === "Enter" && this.range) this.select();
    else if (event.key === "Escape") {
      if (this.range) this.clear();
      else this.told.clear();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Return a time as a part of the width. @param {number} time */
  part(time) {
    const { steps } = this;
    const first = steps[0].start;
    return (time - first) / (steps[steps.length - 1].end - first);
  }

  /** @param {PointerEvent} event */
  indexAt(event) {
    const { left, width } = this.box.getBoundingClientRect();
    const part = (event.clientX - left) / width;
    return Math.max(0, this.steps.findLastIndex(({ start }) => this.part(start) <= part));
  }

  /** The indexes of the first and the last selected step, by time. @returns {[number, number] | null} */
  get chosen() {
    if (!this.range) return null;
    const { from, to } = this.range;
    return Math.max(from, to) < this.steps.length ? [Math.min(from, to), Math.max(from, to)] : null;
  }

  select() {
    const { chosen } = this;
    this.clear();
    if (!chosen) return;
    const [first, last] = chosen.map((index) => this.steps[index]);
    this.told.select(new Date(first.from).toISOString(), new Date(last.to).toISOString());
  }

  clear() {
    this.range = null;
    this.dragging = false;
    this.draw();
  }

  draw() {
    const { chosen } = this;
    this.band.hidden = this.tip.hidden = !chosen;
    if (!chosen) return this.onDraw();
    const [from, to] = [this.part(this.steps[chosen[0]].start), this.part(this.steps[chosen[1]].end)];
    this.band.style.left = `${100 * from}%`;
    this.band.style.width = `${100 * (to - from)}%`;
    this.showTip(...chosen);
  }

  /**
   * @param {number} from
   * @param {number} to
   */
  showTip(from, to) {
    this.tip.replaceChildren(...this.told.tip(from, to));
    this.tip.hidden = false;
    const [width, wide] = [this.box.clientWidth, this.tip.offsetWidth];
    const [start, end] = [this.part(this.steps[from].start) * width, this.part(this.steps[to].end) * width];
    // A tip on the chart stands beside what it is about.
    const left = !this.tip.matches(".beside") ? (start + end - wide) / 2 : end + wide < width ? end + 6 : start - wide - 6;
    this.tip.style.left = `${Math.max(0, Math.min(width - wide, left))}px`;
  }

  /**
   * Label the axis of time.
   * @param {HTMLElement} axis as wide as the box
   */
  label(axis) {
    const width = this.box.clientWidth;
    const [first, last] = [this.steps[0], this.steps[this.steps.length - 1]];
    const { step, times } = first ? ticks(first.start, last.end, Math.max(2, Math.floor(width / A_LABEL))) : { step: 0, times: [] };
    const labels = times.map((time) => {
      const label = element("span", "", tick(new Date(time), step));
      label.dataset.time = new Date(time).toISOString();
      label.style.left = `${100 * this.part(time)}%`;
      return label;
    });
    axis.replaceChildren(...labels);
    // Labels that would be cut at the edges are hidden.
    for (const label of labels) label.classList.toggle("unseen", label.offsetLeft < label.offsetWidth / 2 || label.offsetLeft > width - label.offsetWidth / 2);
  }
}
