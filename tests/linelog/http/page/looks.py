"""What pages are looked at for: contrast, accessibility, text of strangers, parts that shift."""

import json
import os
from pathlib import Path

import tests
from tests.parts.chromium import Page
from tests.parts.programs import missing

AXE = Path(*tests.__path__) / "end_to_end/node/node_modules/axe-core/axe.min.js"


def serious(page: Page) -> list[str]:
    return found_by_axe(page, "serious", "critical")


def found_by_axe(page: Page, *impacts: str) -> list[str]:
    """Return what axe-core finds of these impacts, with the first element."""
    if not AXE.is_file():
        missing("axe-core is not installed: npm install --prefix tests/end_to_end/node")
    page.run(f"{AXE.read_text()}; 0")
    found: list[str] = page.run(
        "axe.run().then(({ violations, passes }) => {"
        " if (passes.length < 10) throw new Error('axe has looked at nothing');"
        " return violations.filter((one) => "
        f"{json.dumps(impacts)}.includes(one.impact))"
        " .map((one) => `${one.id}: ${one.nodes[0].html}`); })"
    )
    return found


# With this in the environment, the pictures of the docs are made anew.
PICTURES = os.environ.get("LOGSRV_PICTURES")


FULL = (
    "document.querySelectorAll('.line').length > 50"
    " && document.querySelectorAll('#bars .bar').length > 10"
)


# Contrast of WCAG 2.2, of each visible text with what it stands on.
CONTRAST = """(() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const over = (colours) => {
    canvas.clearRect(0, 0, 1, 1);
    for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((one) => one / 255)
      .map((one) => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const poor = [];
  for (const one of document.querySelectorAll('body *')) {
    const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !one.checkVisibility() || one.closest('.unseen, .skip, option, svg')) continue;
    const grounds = [];
    for (let at = one; at; at = at.parentElement) grounds.unshift(getComputedStyle(at).backgroundColor);
    const ground = over(grounds);
    const ink = over([`rgb(${ground})`, getComputedStyle(one).color]);
    const [a, b] = [light(ground), light(ink)].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    const what = `${one.className} ${one.textContent.slice(0, 20)} ${contrast.toFixed(2)}`;
    if (contrast < 4.5) poor.push(what);
  }
  return [...new Set(poor)];
})()"""


def open_an_error(page: Page) -> None:
    page.press("N")
    page.wait("document.querySelector('[aria-current]')")
    page.press("Enter")
    page.wait("document.querySelector('.details')")


OWN = "document.title='owned';window.owned=1"


CORPUS = (
    f"<script>{OWN}</script>",
    f'<img src=x onerror="{OWN}">',
    f"<svg onload=\"{OWN}\"><animate onbegin='{OWN}'></svg>",
    f"</div></main></body><body onload='{OWN}'>",
    f"javascript:{OWN}",
    f'"><iframe srcdoc="<script>parent.{OWN}</script>"></iframe>',
    f"' onmouseover='{OWN}' style='position:fixed;inset:0;",
    "<style>*{display:none}</style><link rel=stylesheet href=data:text/css,*%7Bdisplay:none%7D>",
    f"{{{{constructor.constructor('{OWN}')()}}}} ${{alert(1)}} <%= 7*7 %>",
    f"<details open ontoggle={OWN}><template><script>{OWN}</script></template>",
    f"<math><mtext><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror={OWN}&gt;'>",
    "<form><input name=innerHTML><input name=textContent></form><a id=lines name=lines>",
    "\\x1b[31m<b>red</b>\\x1b[0m \\x1b]0;title\\x07 \\x1b[2J \\x1b[38;5;<img src=x>m",
    "\x1b[31mraw escape\x1b[0m \x07\x08\x7f\x9b",
    "__proto__ constructor hasOwnProperty",
    "\ud800 \U0001f600 \x00 null",
)


BIDI = "user=\u202enimda\u202c \u2066x\u2069 \u200f \u061c"


SHIFTS = """globalThis.shift = 0; new PerformanceObserver((list) => {
  for (const one of list.getEntries()) if (!one.hadRecentInput) shift += one.value;
}).observe({ type: 'layout-shift', buffered: true });"""


COPIED = """void (globalThis.copied = [], Object.defineProperty(navigator, 'clipboard',
  {value: {writeText: async (text) => void copied.push(text)}}))"""


TOTAL = "document.querySelector('#histogram-total').textContent"


DONE = "document.querySelector('#progress').hidden"


DIMMED = "getComputedStyle(document.querySelector('#histogram')).opacity < 1"
