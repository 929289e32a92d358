/** The sign that the server works: a line at once; after two seconds, in words, what for and how long. */

import { byId } from "./dom.js";

const PATIENCE = 2000;
const work = { began: 0, timer: 0, turn: 0 };

/**
 * @param {boolean} busy
 * @param {() => string} about returns what the page waits for
 * @param {number} turn the seconds begin anew with another one
 */
export function showProgress(busy, about, turn) {
  const [line, words] = [byId("progress"), byId("progress-words")];
  line.hidden = !busy;
  if (busy === Boolean(work.began) && turn === work.turn) return;
  clearInterval(work.timer);
  work.turn = turn;
  work.began = busy ? performance.now() : 0;
  words.hidden = true;
  line.removeAttribute("aria-valuetext");
  if (!busy) return;
  work.timer = setInterval(() => {
    const passed = performance.now() - work.began;
    if (passed < PATIENCE) return;
    words.hidden = false;
    words.textContent = `${about()}, ${Math.floor(passed / 1000)} s`;
    line.setAttribute("aria-valuetext", words.textContent);
  }, 500);
}
