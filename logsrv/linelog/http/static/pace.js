/**
 * The number of waiting lines that each frame shows: as many as there is time for. If that is too few for a second,
 * lines are skipped, and the page says so, which is better than a page that falls behind.
 */

/** The least and the greatest number of lines of a frame. */
const FEWEST = 20;
const MOST = 200;
/** Frames over which a burst may be spread: the server sends the lines of a tenth of a second at once. */
const AHEAD = 5;
/** Milliseconds between two frames that a user would notice. */
const LATE = 36;
/** By so many lines for each frame, or for each of its milliseconds, a share grows that was not too large. */
const MORE = 4;
const MORE_IDLE = MORE / 16;
/** Milliseconds for which lines may wait without end before any are skipped: a busy machine draws few frames. */
const BEHIND = 1000;

export class Pace {
  constructor() {
    this.share = MOST;
    this.lastFrame = this.lastSize = 0;
    /** Lines that waited for the end of a pause. They are shown over several frames, not skipped. */
    this.backlog = 0;
    /** Lines have waited since the last frame, which could not show all: without them, the next one is not late. */
    this.isBehind = false;
    /** The frame from which on each has left some, or the last one before which some were skipped. */
    this.behindSince = 0;
  }

  /**
   * Return the lines and gaps for a frame.
   * @param {import("./queue.js").Queue} queue
   * @param {number} now the start of the frame, in milliseconds
   */
  take(queue, now) {
    const passed = now - this.lastFrame;
    const late = this.isBehind && passed > LATE && this.lastSize >= this.share;
    const more = this.isBehind ? MORE : passed * MORE_IDLE;
    this.share = Math.floor(late ? Math.max(FEWEST, this.share * 0.7) : Math.min(MOST, this.share + more));
    if (!this.isBehind) this.behindSince = now;
    if (now - this.behindSince > BEHIND) {
      queue.keep(Math.max(this.share * AHEAD, this.backlog));
      this.behindSince = now;
    }
    this.backlog = Math.max(0, this.backlog - this.share / 2);
    const items = queue.take(this.share);
    this.lastFrame = now;
    this.lastSize = items.length;
    this.isBehind = queue.size > 0;
    return items;
  }
}
