/** The sign that the server works: a line at once; after a second, in words, what for and how long, and a way to cancel it. */

import { button, byId, element } from "./dom.js";

const PATIENCE = 1000;
const work = { began: 0, timer: 0, turn: 0 };

/**
 * @param {boolean} busy
 * @param {() => string} about returns what the page waits for
 * @param {number} turn the seconds begin anew with another one
 * @param {() => void} onCancel
 */
export function showProgress(busy, about, turn, onCancel) {
  const [line, words] = [byId("progress"), byId("progress-words")];
  line.hidden = !busy;
  if (busy === Boolean(work.began) && turn === work.turn) return;
  clearInterval(work.timer);
  work.turn = turn;
  work.began = busy ? performance.now() : 0;
  words.hidden = true;
  line.removeAttribute("aria-valuetext");
  if (!busy) return;
  const sentence = element("span");
  words.replaceChildren(sentence, button("Cancel", "link", onCancel));
  work.timer = setInterval(() => {
    const passed = performance.now() - work.began;
    if (passed < PATIENCE) return;
    words.hidden = false;
    sentence.textContent = `${about()}, ${Math.floor(passed / 1000)} s`;
    line.setAttribute("aria-valuetext", sentence.textContent);
  }, 250);
}
