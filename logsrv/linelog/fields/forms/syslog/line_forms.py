"""The usual forms of headers, and of structured data, each an expression for many lines at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from functools import lru_cache

from logsrv.kit.text.quoted_text import pattern_until
from logsrv.linelog.fields.forms.container.many import CRI_LINE
from logsrv.linelog.fields.forms.header_words import MONTH
from logsrv.linelog.fields.forms.line_form import LineForm, frequent, some_of
from logsrv.linelog.fields.stored_line import decode_stored

_UNTIL_QUOTE = pattern_until('"', never=r"\n").encode()
_PRIORITY = rb"(?P<priority>1[0-8][0-9]|19[01]|0?[0-9]{1,2})"
_TIME = (
    rb"(?P<timestamp>"
    + MONTH
    + rb" [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2}|[0-9]{4}-[0-9]{2}-[0-9]{2}"
    rb"T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})) "
)
_TAG = (
    rb'(?P<app>[A-Za-z_/.(][^\s:\[\]=",]{0,127})(?:\[(?P<pid>[^\]\s]{0,128})\]:?|:)'
    rb"(?: (?P<text>[^\n]*)|)"
)
_ELEMENT = rb'\[[^ =\]"\n]+(?: +[^ =\]"\n]+="' + _UNTIL_QUOTE + rb'")* *\]'
_HEADERS = {
    "usual": rb"(?:<" + _PRIORITY + rb">)?" + _TIME + rb"(?P<hostname>[A-Za-z0-9][A-Za-z0-9._-]*) " + _TAG,
    "local": rb"<" + _PRIORITY + rb">" + _TIME + _TAG,
    "new": rb"<" + _PRIORITY + rb">[1-9][0-9]{0,2} "
    rb"(?P<timestamp>-|[0-9]{4}-[0-9]{2}-[0-9]{2}T[^ \n]+) (?P<hostname>[^ \n]+) (?P<app>[^ \n]+)"
    rb" (?P<pid>[^ \n]+) (?P<msgid>[^ \n]+) (?:-|(?P<data>(?:" + _ELEMENT + rb")+))"
    rb"(?: (?:\xef\xbb\xbf)?(?P<text>[^\n]*)|)",
    "container": CRI_LINE,
}  # fmt: skip


def header_form(kind: str, wants: Callable[[str], bool]) -> LineForm:
    """Return a form of headers: `usual`, `local` without a host, `new` of RFC 5424, `container`."""
    return _header_form(kind, frozenset(name for name in _SELDOM_WANTED if not wants(name)))


_SELDOM_WANTED = ("priority", "timestamp", "pid", "msgid", "data", "text")


@lru_cache(maxsize=50)
def _header_form(kind: str, unwanted: frozenset[str]) -> LineForm:
    return LineForm(_without_groups(_HEADERS[kind], unwanted), uncoded=("app", "data", "text"))


def _without_groups(pattern: bytes, names: Collection[str]) -> bytes:
    for name in names:
        pattern = pattern.replace(b"(?P<%s>" % name.encode(), b"(?:")
    return pattern


_split_data = re.compile(rb'="' + _UNTIL_QUOTE + rb'"').split


@lru_cache(maxsize=200)
def _data_form(parts: tuple[bytes, ...]) -> LineForm:
    """Return the form of structured data. parts: the texts before, between and behind the values."""
    names, element = [], b""
    for part in parts[:-1]:
        begin, _, name = part.rpartition(b" ")
        if b"[" in begin:
            element = begin.rpartition(b"]")[2][1:].strip()
        names.append(f"{decode_stored(element)}.{decode_stored(name)}")
    return LineForm((rb'="(' + _UNTIL_QUOTE + rb')"').join(map(re.escape, parts)), names)


def frequent_data_forms(data: Sequence[bytes]) -> list[LineForm]:
    """Return the forms of many of the structured data, the most frequent first."""
    return [
        _data_form(each)
        for each in frequent([tuple(_split_data(one)) for one in some_of(data)], len(data))
    ]
