/** The page of alerts: their states, made of a query, silenced. It asks the server again every few seconds. */

import { AlertForm, PATH } from "./alert_form.js";
import { AlertList } from "./alert_list.js";
import { asSentence, safe, silencedText } from "./alert_words.js";
import { ApiError, get, send } from "./api.js";
import { button, byId, sayOnce } from "./dom.js";
import { logIn } from "./login.js";
import { attempt } from "./notice.js";
import { Silences } from "./silences.js";
import { printable } from "./text.js";
import { clock, moment, zone } from "./times.js";

/** @typedef {import("./alert_words.js").Alert} Alert */
/** @typedef {import("./alert_words.js").Known} Known */

/** Milliseconds between two requests. */
const EVERY = 5000;

/** @type {Known | null} */
let known = null;
/** The time since which the server does not answer; why it does not tell of alerts. */
let away = 0;
let refused = "";
let asking = false;
/** The number of changes so far: an answer that was asked for before one is out of date. */
let changes = 0;

const list = new AlertList({
  silence: (name, group) => silences.open(name, group),
  change: (alert) => form.change(alert),
  remove: (alert) => attempt(() => remove(alert)),
});
const silences = new Silences(
  (answer, said) => {
    changed(answer);
    note(said);
  },
  (name, key) => list.focus(name, key),
);
const form = new AlertForm(
  () => known,
  (answer, name) => {
    changed(answer);
    note(`Saved: ${printable(name)}`);
    list.focus(name, "name");
  },
);

/** @param {Known} answer of the server to a change */
function changed(answer) {
  changes += 1;
  known = answer;
  draw();
}

/**
 * Say what was done, and perhaps offer to undo it.
 * @param {string} sentence
 * @param {() => Promise<void>} [restore]
 */
function note(sentence, restore) {
  const undo = restore ? button("Undo", "link", () => attempt(restore)) : null;
  byId("board-note").replaceChildren(sentence, ...(undo ? [" ", undo] : []));
  undo?.focus();
}

/** @param {Alert} alert */
async function remove({ name, alert }) {
  const path = /** @type {const} */ (`${PATH}/${encodeURIComponent(name)}`);
  changed(await send("DELETE", path));
  note(`Removed: ${safe(name)}`, async () => {
    const now = await get(PATH);
    // Another reader may have made one of that name since.
    const isThere = now.alerts.some((one) => one.name === name);
    changed(isThere ? now : await send("PUT", path, { alert }));
    note(isThere ? `${safe(name)} is there again; nothing was changed.` : "");
    list.focus(name, "name");
  });
}

/** @param {import("./alert_words.js").Silence} silence */
async function end(silence) {
  changed(await send("DELETE", `/api/silences/${encodeURIComponent(silence.id)}`));
  note(`Ended: the silence of ${silencedText(silence)}`);
  // The button is gone, and perhaps the whole list.
  if (document.activeElement === document.body) byId("alerts-heading").focus();
}

function draw() {
  if (!known) return;
  list.show(known);
  silences.show(known, (one) => attempt(() => end(one)));
  form.showSave();
  const limits = [known.may_change ? "" : asSentence(known.why_not), asSentence(known.trouble ?? "")].filter(Boolean).join(" ");
  sayOnce("why-not", limits);
  byId("why-not").hidden = !limits;
  byId("asked-at").textContent = `as of ${clock(new Date())}`;
}

/** Ask what there is now. */
async function look() {
  if (document.hidden || asking) return;
  asking = true;
  const before = changes;
  try {
    const answer = await get(PATH);
    [away, refused] = [0, ""];
    if (before === changes) {
      known = answer;
      draw();
    }
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 0) away ||= Date.now();
    refused = error.status === 401 ? "" : error.message;
  } finally {
    asking = false;
  }
  const said = away ? `The server has not answered since ${moment(new Date(away))}. This page goes on by itself when it does.` : printable(refused);
  sayOnce("trouble", said);
  byId("banner").hidden = !said;
}

byId("zone-name").textContent = zone().name;
document.addEventListener("visibilitychange", () => attempt(look));
logIn(() => attempt(look));
form.openAddressed();
attempt(look);
setInterval(() => attempt(look), EVERY);
