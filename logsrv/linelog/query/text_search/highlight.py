"""Highlighting: the parts of a message that a query asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from logsrv.linelog.fields.stored_line import to_stored_bytes
from logsrv.linelog.query.question import And, Compare, Extracted, Node, Or, Regex, Term
from logsrv.linelog.query.text_search.expression import compile_expression
from logsrv.linelog.query.text_search.literals import has_ascii_capital

Finder: TypeAlias = Callable[[bytes], Iterator[tuple[int, int]]]
"""message → start and end of each hit, in order."""


def highlight_finder(node: Node) -> Callable[[bytes], list[tuple[int, int]]]:
    """Return a function: message → start and end of each part to highlight, in order, none overlapping."""
    finders = list(_finders(node))

    def spans(message: bytes) -> list[tuple[int, int]]:
        joined: list[tuple[int, int]] = []
        for start, end in sorted(span for finder in finders for span in finder(message)):
            if joined and start <= joined[-1][1]:
                joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
            else:
                joined.append((start, end))
        return joined

    return spans


def _finders(node: Node) -> Iterator[Finder]:
    """Yield a finder for each text and expression that a query asks for in the message."""
    if isinstance(node, Term):
        yield _text_finder(node.text)
    elif isinstance(node, (Regex, Extracted)):
        yield _regex_finder(node.pattern)
    elif isinstance(node, Compare) and node.field == "message" and node.op in (":", "~"):
        yield _text_finder(node.value) if node.op == ":" else _regex_finder(node.value)
    elif isinstance(node, (And, Or)):
        for part in node.parts:
            yield from _finders(part)


def _text_finder(text: str) -> Finder:
    folded = not has_ascii_capital(text)
    needle = to_stored_bytes(text).lower() if folded else to_stored_bytes(text)

    def find(message: bytes) -> Iterator[tuple[int, int]]:
        looked_in = message.lower() if folded else message
        at = looked_in.find(needle) if needle else -1
        while at >= 0:
            yield at, at + len(needle)
            at = looked_in.find(needle, at + len(needle))

    return find


def _regex_finder(pattern: str) -> Finder:
    search = compile_expression(pattern).in_message

    def find(message: bytes) -> Iterator[tuple[int, int]]:
        start = 0
        while start <= len(message):
            at, end = search(message, start, len(message))
            if at < 0:
                return
            if end > at:
                yield at, end
            start = max(end, at + 1)

    return find
