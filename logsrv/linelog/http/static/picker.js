/** The dialog for the time of lines, bars and values: from and to in the language of `--since`, and usual spans. */

import { ApiError, all, search } from "./api.js";
import { byId } from "./dom.js";
import { EXACT, exactTime, typedTime, zone } from "./times.js";

/** @typedef {{since: string, until: string}} Span */

export class TimePicker {
  /** @param {(span: Span) => void} onChoose gets a span that the server accepts; "" where it has no end */
  constructor(onChoose) {
    this.onChoose = onChoose;
    this.dialog = /** @type {HTMLDialogElement} */ (byId("times"));
    this.since = /** @type {HTMLInputElement} */ (byId("since"));
    this.until = /** @type {HTMLInputElement} */ (byId("until"));
    this.error = byId("times-error");
    this.abort = new AbortController();
    /** @type {HTMLFormElement} */ (this.since.form).addEventListener("submit", (event) => {
      event.preventDefault();
      this.choose(this.since.value, this.until.value);
    });
    for (const one of /** @type {NodeListOf<HTMLElement>} */ (this.dialog.querySelectorAll("[data-since]")))
      one.addEventListener("click", () => this.choose(one.dataset.since ?? "", one.dataset.until ?? ""));
    // The event comes after a while, in which the dialog may have been opened again.
    this.dialog.addEventListener("close", () => this.dialog.open || this.abort.abort());
    // The dialog has no padding of its own, so a click on it is one beside its content.
    this.dialog.addEventListener("click", (event) => event.target === this.dialog && this.dialog.close());
  }

  /** @param {Span} span the shown span */
  open({ since, until }) {
    this.abort.abort();
    this.since.value = typedTime(since);
    this.until.value = typedTime(until);
    byId("times-zone").textContent = zone().name;
    this.refuse("");
    this.dialog.showModal();
    this.since.select();
  }

  /**
   * Let the server check a span, then show it.
   * @param {string} from
   * @param {string} to
   */
  async choose(from, to) {
    this.abort.abort();
    const { signal } = (this.abort = new AbortController());
    const since = exactTime(from);
    const until = to.trim() === "now" ? "" : exactTime(to);
    const known = EXACT.test(since) && EXACT.test(until);
    if (known && Date.parse(since) >= Date.parse(until)) return this.refuse("until: it is not after since");
    try {
      await all(await search({ since, until, limit: 0 }, signal));
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      // Only a wrong time is refused here; what else is wrong, the page shows.
      if (error.status === 400) return this.refuse(error.message);
    }
    this.dialog.close();
    this.onChoose({ since, until });
  }

  /** @param {string} sentence of the server, which begins with the name of the wrong time; "" if none is wrong */
  refuse(sentence) {
    this.error.hidden = !sentence;
    this.error.textContent = sentence;
    for (const input of [this.since, this.until]) input.removeAttribute("aria-invalid");
    const wrong = sentence.startsWith("until:") ? this.until : this.since;
    if (!sentence) return;
    wrong.setAttribute("aria-invalid", "true");
    wrong.select();
  }
}
