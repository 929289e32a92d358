/** Elements made of names and texts: the one way in which data gets into the page. */

/**
 * @param {string} tag
 * @param {string} [className]
 * @param {string} [text]
 * @returns {HTMLElement}
 */
export function element(tag, className = "", text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

/**
 * @param {string} text
 * @param {string} className
 * @param {() => void} action
 * @param {string} [label] what it does, if the text does not say enough: the accessible name, if it has the text in it
 */
export function button(text, className, action, label) {
  const made = /** @type {HTMLButtonElement} */ (element("button", className, text));
  made.type = "button";
  if (label) {
    // Who speaks to the browser says what stands there.
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
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`The page has no #${id}.`);
  return found;
}

/**
 * @param {string} text
 * @returns {Promise<boolean>} false where the browser does not let us
 */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Without HTTPS there is no clipboard; the old way wants a selection.
    const area = /** @type {HTMLTextAreaElement} */ (element("textarea", "hidden"));
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
