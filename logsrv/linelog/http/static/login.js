/** The log-in form: shown when the server asks for a token, closed when it has accepted one. */

import { request } from "./api.js";
import { byId } from "./dom.js";

/** @param {() => void} then called after the log-in */
export function logIn(then) {
  const dialog = /** @type {HTMLDialogElement} */ (byId("log-in"));
  const form = /** @type {HTMLFormElement} */ (byId("log-in-form"));
  const error = byId("log-in-error");
  let since = 0;
  document.addEventListener("logsrv-log-in", (event) => {
    // Requests sent before the log-in may still be refused after it.
    const { began } = /** @type {CustomEvent} */ (event).detail;
    if (!dialog.open && began >= since) dialog.showModal();
  });
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const body = new URLSearchParams([...new FormData(form)].map(([name, value]) => [name, String(value)]));
    try {
      await request(form.action, undefined, { method: "POST", body, headers: { Accept: "application/json" } }, 0);
    } catch (refused) {
      const { status, message } = /** @type {import("./api.js").ApiError} */ (refused);
      error.textContent = status === 401 ? "That is not the token." : message;
      return;
    }
    error.textContent = "";
    since = performance.now();
    form.reset();
    dialog.close();
    then();
  });
}
