/**
 * The number of waiting lines that each frame shows: as many as there is time for. Further lines are skipped,
 * and the page says so, which is better than a page that falls behind.
 */

/** The least and the greatest number of lines of a frame. */
const FEWEST = 20;
const MOST = 200;
/** Frames over which a burst may be spread: the server sends the lines of a tenth of a second at once. */
const AHEAD = 5;
/** Milliseconds between two frames that a user would notice. */
const LATE = 36;

export class Pace {
  constructor() {
    this.share = MOST;
    this.lastFrame = this.lastSize = 0;
    /** Lines that waited for the end of a pause. They are shown over several frames, not skipped. */
    this.backlog = 0;
  }

  /**
   * Return the lines and gaps for a frame.
   * @param {import("./queue.js").Queue} queue
   * @param {number} now the start of the frame, in milliseconds
   */
  take(queue, now) {
    const late = now - this.lastFrame > LATE && this.lastSize >= this.share;
    this.share = Math.floor(late ? Math.max(FEWEST, this.share * 0.7) : Math.min(MOST, this.share + 4));
    queue.keep(Math.max(this.share * AHEAD, this.backlog));
    this.backlog = Math.max(0, this.backlog - this.share / 2);
    const items = queue.take(this.share);
    this.lastFrame = now;
    this.lastSize = items.length;
    return items;
  }
}
