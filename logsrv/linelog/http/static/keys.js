/** The keyboard: single keys, which have no effect while the user types. */

/**
 * @param {Record<string, (event: KeyboardEvent) => unknown>} named by the key's name, or by several with | between them;
 *   false: the browser does what it does with the key
 */
export function listen(named) {
  const actions = Object.fromEntries(Object.entries(named).flatMap(([names, action]) => names.split("|").map((name) => [name, action])));
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target instanceof Element ? event.target : document.body;
    if (target.closest("dialog") || document.querySelector("dialog[open]")) return;
    if (event.key !== "Escape" && target.closest("input, textarea, select")) return;
    // Buttons, links and menus use these keys themselves.
    if ([" ", "Enter"].includes(event.key) && target.closest("button, a, summary, [role=option]")) return;
    const action = actions[event.key];
    if (!action) return;
    if (action(event) !== false) event.preventDefault();
  });
}
