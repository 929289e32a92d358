/** The joint cursor of a board: the time at which one chart is pointed at is marked in all others, with their figures there. */

import { element } from "./dom.js";

/** @typedef {import("./time_band.js").TimeBand} TimeBand */

export class JointCursor {
  constructor() {
    /** The line of each chart. @type {Map<TimeBand, HTMLElement>} */
    this.lines = new Map();
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
    for (const name of ["pointerleave", "pointercancel", "pointerdown", "blur"]) band.box.addEventListener(name, () => this.leave(band));
  }

  /** @param {TimeBand} band of a chart that is gone */
  remove(band) {
    this.leave(band);
    this.lines.delete(band);
  }

  /**
   * Mark a time of a chart in the others.
   * @param {TimeBand} from
   * @param {number} part of its width
   */
  point(from, part) {
    const { steps } = from;
    if (!steps.length) return;
    const [begin, end] = [steps[0].start, steps[steps.length - 1].end];
    const time = begin + Math.max(0, Math.min(1, part)) * (end - begin);
    for (const [band, line] of this.lines) if (band !== from) mark(band, line, time);
  }

  /** @param {TimeBand} from the chart that is not pointed at any more */
  leave(from) {
    for (const [band, line] of this.lines) if (band !== from) mark(band, line, NaN);
  }
}

/**
 * Mark a time in a chart; nothing if its steps do not have it.
 * @param {TimeBand} band
 * @param {HTMLElement} line
 * @param {number} time
 */
function mark(band, line, time) {
  const index = band.steps.findIndex(({ start, end }) => start <= time && time < end);
  const wasThere = !line.hidden;
  line.hidden = index < 0;
  // The figures that a reader has left there by a click come back.
  if (index < 0) return wasThere && band.draw();
  line.style.left = `${100 * band.part(time)}%`;
  band.showTip(index, index);
}
