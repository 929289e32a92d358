/** An empty answer: which part of the query matches nothing, there or ever. */

import { button, byId, element } from "./dom.js";
import { whatIsMissing } from "./missing.js";
import { orderOf } from "./stages.js";

/** @typedef {import("./view.js").View} View */

export class Empty {
  /**
   * @param {View} view
   * @param {() => void} onWork called when a request begins or ends
   * @param {() => void} onAgain called to ask again what was cancelled
   */
  constructor(view, onWork, onAgain) {
    this.view = view;
    this.onWork = onWork;
    this.onAgain = onAgain;
    this.looking = false;
    this.part = byId("empty");
    /** The request for whose parts was asked. @type {import("./view.js").Request | null} */
    this.asked = null;
  }

  /** Show or hide it, as the view is empty or not. Before the server has answered, that is not known. */
  show() {
    const { view, part } = this;
    const is = (view.ready || view.cancelled) && !view.searching && !view.lines.log.childElementCount;
    part.hidden = !is;
    const { q, since } = view.request;
    const { scope } = byId("lines").dataset;
    const about = `${view.live} ${view.ready} ${view.cancelled} ${q} ${scope}`;
    if (is && part.dataset.about !== about) {
      part.dataset.about = about;
      const heading = view.cancelled ? "Search cancelled" : q || since || !view.live ? "No results" : "Nothing has been logged yet";
      const { lack } = orderOf(q);
      const nothing = `Nothing in ${scope}${lack && ` has a ${lack}`}.`;
      const hint = [!view.cancelled && nothing, view.live && view.ready && "Lines appear here as they arrive."].filter(Boolean).join(" ");
      const again = view.cancelled ? button("Ask again", "choice-button", this.onAgain) : "";
      part.replaceChildren(element("p", "heading", heading), element("p", "", hint), again, element("p", "parts"));
      this.asked = null;
      this.looking = false;
    }
    if (is && q && !view.cancelled && this.asked !== view.request) this.explain();
  }

  /** Say of each part of the query whether it matches anything. */
  async explain() {
    const { request } = this.view;
    this.asked = request;
    this.looking = true;
    this.onWork();
    try {
      await this.look();
    } catch {
      // Cancelled or refused: the answer stays as it is, empty.
    }
    if (request !== this.asked) return;
    this.looking = false;
    this.onWork();
  }

  async look() {
    const { request, signal } = this.view;
    const sentences = await whatIsMissing(request.q, request, byId("lines").dataset.scope ?? "", signal);
    if (request === this.view.request) this.part.querySelector(".parts")?.replaceChildren(...sentences);
  }
}
