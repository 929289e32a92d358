/** The sign that a table goes on behind the right edge of the part in which it scrolls. */

/**
 * Let a table fade at the edge, until it is scrolled to its end.
 * @param {HTMLElement} part
 * @param {HTMLElement} table
 */
export function fadeAtEdge(part, table) {
  const fade = () => {
    part.classList.toggle("more", part.scrollLeft + part.clientWidth < part.scrollWidth - 1);
    const [outer, inner] = [part, table].map((one) => one.getBoundingClientRect());
    table.style.setProperty("--shown", `${outer.left + part.clientWidth - inner.left}px`);
  };
  part.addEventListener("scroll", fade, { passive: true });
  for (const one of [part, table]) new ResizeObserver(fade).observe(one);
}
