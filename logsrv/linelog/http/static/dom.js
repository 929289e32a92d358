/** Elements made from names and texts. All data gets into the page this way, never as HTML. */

/**
 * @param {string} tag
 * @param {string} [className]
 * @param {(string | Node)[]} content
 * @returns {HTMLElement}
 */
export function element(tag, className = "", ...content) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  for (const one of content) if (one) made.append(one);
  return made;
}

/**
 * Return an element that is a cell of a line.
 * @param {Parameters<typeof element>} made
 */
export function cell(...made) {
  const one = element(...made);
  one.setAttribute("role", "gridcell");
  return one;
}

/**
 * @param {string} text
 * @param {string} className
 * @param {() => void} action
 * @param {string} [label] the action, if the text does not say enough; also the accessible name if it contains the text
 */
export function button(text, className, action, label) {
  const made = /** @type {HTMLButtonElement} */ (element("button", className, text));
  made.type = "button";
  if (label) {
    // Users of speech control say the visible text, so the accessible name has to contain it.
    if (!/\w/.test(text) || label.includes(text)) made.setAttribute("aria-label", label);
    made.title = label;
  }
  made.addEventListener("click", (event) => {
    event.stopPropagation();
    action();
  });
  return made;
}

/**
 * Return the bar behind a number.
 * @param {number} part of all: as wide as that part of its room
 */
export function shareBar(part) {
  const made = element("span", "share");
  made.style.inlineSize = `${100 * part}%`;
  return made;
}

/**
 * @param {string} value
 * @param {string} [text]
 */
export function option(value, text = value) {
  const made = /** @type {HTMLOptionElement} */ (element("option", "", text));
  made.value = value;
  return made;
}

/**
 * Choose an entry of a menu, which is added if the menu does not have it.
 * @param {HTMLSelectElement} menu
 * @param {string} value
 */
export function choose(menu, value) {
  if (![...menu.options].some((one) => one.value === value)) menu.append(option(value));
  menu.value = value;
}

/**
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`The page has no #${id}.`);
  return found;
}

/**
 * Write a sentence only if it changes, so that a screen reader says it once.
 * @param {string} id
 * @param {string} sentence
 */
export function sayOnce(id, sentence) {
  if (byId(id).textContent !== sentence) byId(id).textContent = sentence;
}

/**
 * @param {string} text
 * @returns {Promise<boolean>} false if the browser does not allow it
 */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Without HTTPS there is no clipboard API; the old way needs a selection.
    const area = /** @type {HTMLTextAreaElement} */ (element("textarea", "hidden"));
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
