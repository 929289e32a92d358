/** The joint cursor of a board: the time at which one chart is pointed at is marked in all others, with their figures there. */

import { element } from "./dom.js";

/** @typedef {import("./time_band.js").TimeBand} TimeBand */

export class JointCursor {
  constructor() {
    /** The line of each chart. @type {Map<TimeBand, HTMLElement>} */
    this.lines = new Map();
    /** What is pointed at: the chart, and the part of its width. @type {{band: TimeBand, part: number} | null} */
    this.pointed = null;
  }

  /** @param {TimeBand} band of a chart, which is followed, and follows the others */
  add(band) {
    const line = element("div", "joint");
    line.hidden = true;
    // Its own figures are said to a screen reader; those of all others at once are of no use there.
    line.ariaHidden = band.tip.ariaHidden = "true";
    band.box.append(line);
    this.lines.set(band, line);
    band.box.addEventListener("pointermove", (event) => {
      if (band.dragging) return this.leave(band);
      const { left, width } = band.box.getBoundingClientRect();
      this.point(band, (event.clientX - left) / width);
    });
    band.box.addEventListener("keydown", () => {
      const step = band.range && band.steps[band.range.to];
      if (step) this.point(band, band.part((step.start + step.end) / 2));
      else this.leave(band);
    });
    // Before the chart draws itself without its tip.
    for (const name of ["pointerleave", "pointercancel", "pointerdown", "blur"]) band.box.addEventListener(name, () => this.leave(band), true);
    band.onDraw = () => this.again(band);
  }

  /** @param {TimeBand} band of a chart that is gone */
  remove(band) {
    this.leave(band);
    this.lines.delete(band);
  }

  /**
   * Mark a time of a chart in the others.
   * @param {TimeBand} band
   * @param {number} part of its width
   */
  point(band, part) {
    const { time } = this;
    this.pointed = { band, part: Math.max(0, Math.min(1, part)) };
    if (this.time !== time) for (const one of this.lines.keys()) if (one !== band) this.mark(one);
  }

  /** The time that is pointed at; NaN for none. */
  get time() {
    const steps = this.pointed?.band.steps ?? [];
    if (!this.pointed || !steps.length) return NaN;
    const [begin, end] = [steps[0].start, steps[steps.length - 1].end];
    return begin + this.pointed.part * (end - begin);
  }

  /** @param {TimeBand} band the chart that is not pointed at any more */
  leave(band) {
    if (this.pointed?.band !== band) return;
    this.pointed = null;
    for (const one of this.lines.keys()) if (one !== band) this.mark(one);
  }

  /** Mark the time again in a chart that was drawn again, as lines have come. @param {TimeBand} band */
  again(band) {
    const index = indexOf(band, this.time);
    if (this.pointed && index >= 0) band === this.pointed.band ? band.showTip(index, index) : this.mark(band);
  }

  /** Mark the time in a chart; nothing if its steps do not have it. @param {TimeBand} band */
  mark(band) {
    const line = /** @type {HTMLElement} */ (this.lines.get(band));
    const index = indexOf(band, this.time);
    const wasThere = !line.hidden;
    line.hidden = index < 0;
    // The figures that a reader has left there by a click come back.
    if (index < 0) return wasThere && band.draw();
    line.style.left = `${100 * band.part(this.time)}%`;
    band.showTip(index, index);
  }
}

/** @param {TimeBand} band @param {number} time */
const indexOf = (band, time) => band.steps.findIndex(({ start, end }) => start <= time && time < end);
