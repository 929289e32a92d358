/**
 * How many of the lines that wait are shown with each frame: as many as there is time for. What is over is
 * skipped, and that is said: better than a page that hangs behind what happens.
 */

/** Lines of a frame, at least and at most. */
const FEWEST = 20;
const MOST = 200;
/** Frames over which a burst may be spread: the server sends what came within a tenth of a second. */
const AHEAD = 5;
/** Milliseconds between two frames that somebody would notice. */
const LATE = 36;

export class Pace {
  constructor() {
    this.share = MOST;
    this.lastFrame = this.lastSize = 0;
    /** Lines that have waited for the end of a pause: shown over some frames, not skipped. */
    this.backlog = 0;
  }

  /**
   * Let so many lines through that wait by right.
   * @param {number} lines
   */
  expect(lines) {
    this.backlog = lines;
  }

  /**
   * Take what the frame shows.
   * @param {import("./queue.js").Queue} queue
   * @param {number} now when the frame began, in milliseconds
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
