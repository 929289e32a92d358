"""Files of the live page: its documents, rendered once, and the style sheets and scripts they load.

Nothing of a log is in them: the scripts ask the API for lines, and put them into the page as text.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import attrs

from logsrv.kit.web.templates import templates

STATIC = "/static"
LOG_IN = "/login"
# `img-src data:` is not needed: the page's one picture is a file.
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
_HERE = Path(__file__).parent
_TEMPLATES = templates(_HERE / "templates")
_KEYS = (
    (("/",), "to the filter"),
    (("Space",), "pause, and go on"),
    (("j", "k"), "next line, line before"),
    (("Enter",), "open the line, close it"),
    (("n", "N"), "next hit, hit before; without a filter: next warning or worse"),
    (("c",), "neighbours of the line in the store"),
    (("g",), "the oldest lines"),
    (("G",), "the newest lines, and follow"),
    (("f",), "fields and their top values"),
    (("Tab", "←", "→"), "to the bars, and along them; with Shift select, Enter shows"),
    (("Escape",), "close what is open, back to the lines, back to now"),
    (("?",), "this help"),
)
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
    """A file as it is sent. tag: its ETag, with the quotes."""

    body: bytes
    content_type: str
    tag: str


@cache
def page() -> Asset:
    """Return the live page."""
    return _document("page.html", title="logsrv", keys=_KEYS, queries=_QUERIES, problem="", view="")


def log_in_page(problem: str = "", view: str = "") -> Asset:
    """Return the page that asks for the token.

    problem: a sentence about the last attempt. view: what follows the `?` of the page that was asked for.
    """
    return _document("log_in.html", title="Log in – logsrv", problem=problem, view=view)


@cache
def static_files() -> dict[str, Asset]:
    """Return the style sheets and scripts by their path, `/static/main.js`.

    They are named in here, not looked up on the disk: no path that somebody asks for is ever opened.
    """
    return {
        f"{STATIC}/{path.name}": _asset(path.read_bytes(), _TYPES[path.suffix])
        for path in sorted((_HERE / "static").iterdir())
        if path.suffix in _TYPES
    }


def _document(template: str, **values: object) -> Asset:
    text = _TEMPLATES.get_template(template).render(static=STATIC, log_in=LOG_IN, **values)
    return _asset(text.encode(), HTML)


def _asset(body: bytes, content_type: str) -> Asset:
    return Asset(body, content_type, f'"{hashlib.sha256(body).hexdigest()[:16]}"')
