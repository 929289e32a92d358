/** The keyboard: single keys while nobody types, one table. */

/**
 * @param {Record<string, (event: KeyboardEvent) => void>} actions by the key's name
 */
export function listen(actions) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target instanceof Element ? event.target : document.body;
    if (target.closest("dialog") || document.querySelector("dialog[open]")) return;
    if (event.key !== "Escape" && target.closest("input, textarea, select")) return;
    // Buttons and the like have their own use for these.
    if ([" ", "Enter"].includes(event.key) && target.closest("button, a, summary, [role=option]")) return;
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action(event);
  });
}
