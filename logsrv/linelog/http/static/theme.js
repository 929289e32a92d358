/** The theme: the system's, unless the user has chosen another. A classic script, so that no wrong colours flash. */

(() => {
  const root = document.documentElement;
  const kept = stored((storage) => storage.getItem("logsrv-theme"));
  if (kept === "dark" || kept === "light") root.dataset.theme = kept;

  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
    const show = () => button?.setAttribute("aria-pressed", String(isDark()));
    dark.addEventListener("change", show);
    button?.addEventListener("click", () => {
      const next = isDark() ? "light" : "dark";
      // A choice equal to the system's is not stored: the system may change it in the evening.
      if ((next === "dark") === dark.matches) {
        delete root.dataset.theme;
        stored((storage) => storage.removeItem("logsrv-theme"));
      } else {
        root.dataset.theme = next;
        stored((storage) => storage.setItem("logsrv-theme", next));
      }
      show();
    });
    show();
  });

  /** @param {(storage: Storage) => any} use an access, which some browsers refuse with an error */
  function stored(use) {
    try {
      return use(localStorage);
    } catch {
      return null;
    }
  }
})();
