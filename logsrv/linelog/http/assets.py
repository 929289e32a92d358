"""Files of the live page: its documents, rendered once, and their style sheets and scripts.

They contain no log lines: the scripts ask the API for lines, and put them into the page as text.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import attrs

from logsrv.kit.web.templates import template_environment
from logsrv.linelog.fields.continuations.joiner import MESSAGES
from logsrv.linelog.fields.forms.access.one import REQUEST_AND_ANSWER
from logsrv.linelog.fields.level_names import LEVELS
from logsrv.linelog.fields.parsed_line import ALIASES
from logsrv.linelog.http.log_in.token_hint import TokenHint
from logsrv.linelog.query.stage import all_stages

STATIC = "/static"
KEPT = "max-age=31536000, immutable"
"""The Cache-Control of a file at an address that is of no other content."""
ASKED_FOR = "no-cache"
"""The Cache-Control of everything else: a browser asks each time whether it has changed."""
LOG_IN = "/login"
# The Content-Security-Policy of the page: only files of this server, and pictures as `data:` URLs.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HTML = "text/html; charset=utf-8"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FOLDER_OF_OTHERS = re.compile(f"{STATIC}/[0-9a-f]{{16}}")
_HERE = Path(__file__).parent
_SHEETS = ("style.css", "lines.css", "chart.css", "small.css")
_BOARD_SHEETS = ("board.css", "board_dialogs.css")
_ALONE = ("icon.svg", "theme.js", "regex-worker.js", "alerts.css")
_BUNDLES = ("main.js", "board.js", "alerts.js")
# Modules that a page loads once a reader needs them: with `import("./table.js")`, which is a promise.
_LATER = ("table.js", "complete.js")
_IMPORT_LATER = re.compile(r'\bimport\("\./([\w-]+\.js)"\)')
_IMPORT = re.compile(r'^import (?:\* as (\w+)|(\{[^}]*\})) from "\./([\w-]+\.js)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function\*?|class|const) (\w+))", re.MULTILINE)
# A comment with lines of its own, which a browser does not need.
_COMMENT = re.compile(r"^ */\*\*(?:(?!\*/).)*\*/\n", re.MULTILINE | re.DOTALL)
_TEMPLATES = template_environment(_HERE / "templates")
_KEYS = (
    (("/",), "to the filter"),
    (("Space",), "pause, and go on"),
    (("j", "k"), "next line, line before"),
    (("Enter",), "open the line and its record, close it"),
    (("n", "N"), "next hit, hit before; without a filter: next warning or worse"),
    (("r",), "one, two or all rows of each line"),
    (("y",), "copy the line and its record"),
    (("c",), "neighbours of the line in the store; of the newest if none is selected"),
    (("s",), "±5 s around the line, too: all sources, without the filter"),
    (("Backspace",), "back to what was shown before, at the same line"),
    (("t",), "choose the time, from and to"),
    (("o",), "saved searches and boards: save this one, choose, remove"),
    (("b", "a"), "20 more neighbours before, after; with Shift those of its source"),
    (("g",), "the oldest lines"),
    (("G",), "the newest lines, and follow"),
    (("f",), "fields and their top values"),
    (("p",), "patterns: what messages have in common"),
    (("Tab", "←", "→"), "to the bars, and along them; with Shift select, Enter shows"),
    (("Escape",), "close what is open, cancel a search, back to the lines, back to now"),
    (("?",), "this help"),
)
_SPANS = (
    ("Last minute", "1m", ""),
    ("Last 15 minutes", "15m", ""),
    ("Last hour", "1h", ""),
    ("Last 12 hours", "12h", ""),
    ("Last 2 days", "2d", ""),
    ("Last week", "1w", ""),
    ("Today", "today", ""),
    ("Yesterday", "yesterday", "today"),
    ("All time", "", ""),
)
LASTS = {
    "5m": "Last 5 minutes",
    "15m": "Last 15 minutes",
    "1h": "Last hour",
    "6h": "Last 6 hours",
    "24h": "Last 24 hours",
    "7d": "Last 7 days",
    "30d": "Last 30 days",
    "all": "All time",
}
"""The spans of time to choose from: a parameter of the page's address, and its name."""
_QUERIES = (
    ("timeout", "a text in the message; with a capital letter, case counts"),
    ('"connection reset"', "a text with spaces"),
    (r"/user=\d+/", "a regular expression"),
    ("level>=warning", "by severity"),
    ("status>=500 app=nginx", "both fields so"),
    ("app:ssh path~/^\\/api/", "the field contains, or fits the expression"),
    ("user=*", "the field is there"),
    ("-debug (a OR b) NOT c", "without, one of both, not"),
)


@attrs.frozen
class Asset:
    """A file to send. tag: its ETag, in quotes. packed: the body in gzip; empty for a body that varies."""

    body: bytes
    content_type: str
    tag: str
    packed: bytes = b""


@cache
def live_page() -> Asset:
    """Return the live page."""
    document = _render_document(
        "page.html",
        title="logsrv",
        keys=_KEYS,
        queries=[*_QUERIES, *(each for one in all_stages() for each in one.examples)],
        spans=_SPANS,
        lasts=LASTS.items(),
        problem="",
        view="",
    )
    return _with_gzip(document)


@cache
def board_page() -> Asset:
    """Return the page of boards."""
    return _with_gzip(
        _render_document(
            "board.html",
            title="Boards – logsrv",
            spans=_SPANS,
            lasts=LASTS.items(),
            problem="",
            view="",
        )
    )


@cache
def alerts_page() -> Asset:
    """Return the page of alerts."""
    return _with_gzip(
        _render_document(
            "alerts.html", title="Alerts – logsrv", lasts=LASTS.items(), problem="", view=""
        )
    )


PAGES = {"/": live_page, "/board": board_page, "/alerts": alerts_page}
"""The pages by their path."""


def log_in_page(
    problem: str = "", view: str = "", *, code: str = "", hint: TokenHint | None = None
) -> Asset:
    """Return the page that asks for the token.

    problem: a sentence about the last attempt. view: the path and the query of the requested page. code: a
    one-time code; then the page asks only for a click. hint: where the token is.
    """
    return _render_document(
        "log_in.html",
        title="Log in – logsrv",
        problem=problem,
        view=view,
        code=code,
        hint=hint,
    )


@cache
def logged_in_page() -> Asset:
    """Return the page after a log-in by a link on another site, which leads to the live page."""
    return _render_document("logged_in.html", title="logsrv")


@cache
def static_files() -> dict[str, Asset]:
    """Return the style sheet, the scripts and the icon by their path, `/static/main.js`.

    Their names are listed here: the server never opens a path from a request.
    """
    files = {name: _read_static_file(name) for name in _ALONE}
    files["style.css"] = "".join(map(_read_static_file, _SHEETS))
    files["board.css"] = "".join(map(_read_static_file, _BOARD_SHEETS))
    files |= {name: _bundle_modules(name) for name in _BUNDLES}
    files |= {name: _bundle_later(name) for name in _LATER}
    return {
        f"{STATIC}/{name}": _with_gzip(_make_asset(text.encode(), _TYPES[Path(name).suffix]))
        for name, text in files.items()
    }


@cache
def static_folder() -> str:
    """Return the folder in the addresses of static files that pages name: another one if any file changes.

    So a browser that has the files makes no request for them. It is one folder for all of them because
    scripts name each other by relative addresses.
    """
    tags = "".join(asset.tag for asset in static_files().values())
    return f"{STATIC}/{hashlib.sha256(tags.encode()).hexdigest()[:16]}"


def find_static(path: str) -> tuple[Asset, str] | None:
    """Return a static file and its Cache-Control; None if the path names none.

    A page that was opened before an update gets the present file, as anyone who asks without a folder. No
    cache may keep that file for the address.
    """
    folder, _, name = path.rpartition("/")
    if folder not in (STATIC, static_folder()) and not _FOLDER_OF_OTHERS.fullmatch(folder):
        return None
    asset = static_files().get(f"{STATIC}/{name}")
    return None if asset is None else (asset, KEPT if folder == static_folder() else ASKED_FOR)


def page_modules() -> dict[str, str]:
    """Return the scripts of the page one by one, as they are in what is sent: with the server's tables."""
    folder = _HERE / "static"
    return {path.name: _read_static_file(path.name) for path in sorted(folder.glob("*.js"))}


def _stages() -> Any:
    return [one.for_page() for one in all_stages()]


def _line_forms() -> Any:
    return {
        "levels": LEVELS,
        "hostnames": ("hostname", *ALIASES["hostname"]),
        "messages": MESSAGES,
        "request": REQUEST_AND_ANSWER,
    }


# The scripts with tables of the server: the name of the table, what a script has in its place, and a
# function that makes it.
_TABLES = {
    "stage_list.js": ("STAGES", "[]", _stages),
    "line_forms.js": (
        "FORMS",
        '{ levels: [], hostnames: [], messages: [], request: "" }',
        _line_forms,
    ),
}


def _read_static_file(name: str) -> str:
    text = (_HERE / "static" / name).read_text("utf-8")
    if name not in _TABLES:
        return text
    table, empty, make = _TABLES[name]
    before = f"export const {table} = {empty};"
    if before not in text:
        raise ValueError(f"{name} has no {before}")
    return text.replace(before, f"export const {table} = {json.dumps(make(), ensure_ascii=False)};")


def _bundle_modules(first: str) -> str:
    """Return a module and all its imports as one file, so that a browser makes one request.

    Each module becomes a function that returns its exports; the modules that it imports come before it. The
    file exports all modules by their names.
    """
    functions = (f"modules{key} = {made};\n" for key, made in _module_functions(first).items())
    return "export const modules = {};\n" + "".join(functions)


def _bundle_later(first: str) -> str:
    """Return what a page needs in addition for a module that it loads later.

    The file exports a function that adds modules to those of the page, unless they are there, and returns
    the module. It lacks the modules that all pages with this module have.
    """
    pages = [
        bundle for bundle in map(_bundle_modules, _BUNDLES) if f'import("./{first}")' in bundle
    ]
    functions = (
        f"modules{key} ??= {made};\n"
        for key, made in _module_functions(first).items()
        if not all(f"\nmodules{key} = " in page for page in pages)
    )
    adding = "".join(functions)
    return f'export const add = (modules) => {{\n{adding}return modules["{first}"];\n}};\n'


@cache
def _module_functions(first: str) -> dict[str, str]:
    """Return a module and all its imports, each as a call of a function, by its key in `modules`."""
    done: dict[str, str] = {}

    def add(name: str) -> None:
        text = _read_static_file(name)
        for needed in _IMPORT.finditer(text):
            if f'["{needed[3]}"]' not in done:
                add(needed[3])
        exports = ", ".join(_EXPORT.findall(text))
        text = _COMMENT.sub("", _EXPORT.sub("", _IMPORT.sub(_import_replacement, text)))
        text = _IMPORT_LATER.sub(r'import("./\1").then((later) => later.add(modules))', text)
        done[f'["{name}"]'] = f"(() => {{\n{text}return {{ {exports} }};\n}})()"

    add(first)
    return done


def _import_replacement(found: re.Match[str]) -> str:
    names = found[1] or found[2].replace(" as ", ": ")
    return f'const {names} = modules["{found[3]}"];'


def _render_document(template: str, **values: object) -> Asset:
    text = _TEMPLATES.get_template(template).render(static=static_folder(), log_in=LOG_IN, **values)
    return _make_asset(text.encode(), HTML)


def _with_gzip(asset: Asset) -> Asset:
    return attrs.evolve(asset, packed=gzip.compress(asset.body, mtime=0))


def _make_asset(body: bytes, content_type: str) -> Asset:
    return Asset(body, content_type, f'"{hashlib.sha256(body).hexdigest()[:16]}"')
