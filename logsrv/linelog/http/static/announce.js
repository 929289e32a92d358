/** Messages for a screen reader: a summary of new lines every few seconds, never each line. */

import { byId } from "./dom.js";
import { isAtLeast } from "./levels.js";
import { counted } from "./times.js";

const EVERY = 5000;

export class Announcer {
  constructor() {
    this.summary = byId("summary");
    this.lines = 0;
    this.errors = 0;
    this.timer = 0;
  }

  /** @param {import("./api.js").Line[]} lines */
  add(lines) {
    this.lines += lines.length;
    this.errors += lines.filter((line) => isAtLeast(line.level, "error")).length;
    if (!this.timer) this.timer = setTimeout(() => this.speak(), EVERY);
  }

  speak() {
    const errors = this.errors ? `, ${counted(this.errors, "error")}` : "";
    this.summary.textContent = `${counted(this.lines, "new line")}${errors}`;
    this.lines = this.errors = this.timer = 0;
  }
}
