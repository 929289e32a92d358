/** Notices to the user: what has happened, or why an action has failed. */

import { ApiError } from "./api.js";
import { byId } from "./dom.js";

/** @param {() => Promise<unknown> | unknown} action an action of the user, whose failure is shown */
export async function attempt(action) {
  try {
    await action();
  } catch (error) {
    failed(error);
  }
}

/** @param {unknown} error */
export function failed(error) {
  if (error instanceof DOMException && error.name === "AbortError") return;
  if (!(error instanceof ApiError)) {
    console.error(error);
    say("This page has failed; load it again.");
  } else if (error.status !== 401) say(error.message);
}

let noticeTimer = 0;

/** @param {string} sentence */
export function say(sentence) {
  const notice = byId("notice");
  notice.textContent = sentence;
  notice.classList.add("shown");
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => notice.classList.remove("shown"), 5000);
}
