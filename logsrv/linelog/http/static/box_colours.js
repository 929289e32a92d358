/** Colours behind the text of the search box: `|` and the words of the stages. */

import { byId, element } from "./dom.js";
import { wordsOfStages } from "./stages.js";

export class BoxColours {
  /** @param {HTMLInputElement} input */
  constructor(input) {
    this.input = input;
    this.part = byId("query-colours");
    input.addEventListener("scroll", () => this.follow());
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
    this.follow();
  }

  follow() {
    this.part.scrollLeft = this.input.scrollLeft;
  }
}
