/** The browser's storage for this page. Some browsers refuse it with an error, which is ignored. */

/**
 * @param {string} key
 * @returns {string | null}
 */
export function kept(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/**
 * Return a list that was kept as JSON; an empty one if there is none, or if it is damaged.
 * @param {string} key
 * @returns {any[]}
 */
export function keptList(key) {
  try {
    const found = JSON.parse(kept(key) ?? "");
    return Array.isArray(found) ? found : [];
  } catch {
    return [];
  }
}

/**
 * @param {string} key
 * @param {string} value
 */
export function keep(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Refused: the value is lost when the page is closed.
  }
}
