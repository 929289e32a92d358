/** The height of the search box, and the colours under its text: `|` and the words of the stages. */

import { byId, element } from "./dom.js";
import { wordsOfStages } from "./stages.js";

/** Characters of a query that a phone shows beside the other controls; a longer one has a row of its own. */
const SHORT = 10;

export class BoxColours {
  /** @param {HTMLTextAreaElement} input */
  constructor(input) {
    this.input = input;
    this.part = byId("query-colours");
    this.form = /** @type {HTMLElement} */ (input.form);
    input.addEventListener("scroll", () => this.follow());
    new ResizeObserver(() => this.grow()).observe(this.form);
  }

  draw() {
    const { value } = this.input;
    const words = wordsOfStages(value);
    let at = 0;
    const pieces = words.flatMap(([start, end]) => {
      const before = value.slice(at, start);
      at = end;
      return [before, element("span", "", value.slice(start, end))];
    });
    this.part.replaceChildren(...(words.length ? [...pieces, value.slice(at)] : []));
    // By its length alone: what is beside it must not move when the box loses the focus to a click there.
    this.form.classList.toggle("long", value.length > SHORT);
    this.grow();
  }

  /** Make the box as high as its text; the style says how high at most. */
  grow() {
    const { input, form } = this;
    form.style.removeProperty("--box");
    const height = input.offsetHeight;
    const whole = input.value ? input.scrollHeight + input.offsetHeight - input.clientHeight : height;
    if (whole > height) {
      form.style.setProperty("--box", `${whole}px`);
      form.style.setProperty("--box", `${input.offsetHeight}px`);
    }
    this.follow();
  }

  follow() {
    this.part.scrollTop = this.input.scrollTop;
  }
}
