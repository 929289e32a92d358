"""Times on the screen are short and have a unit; addresses keep what tells most."""

from __future__ import annotations

import pytest

from logsrv.gopher.browse.widgets.words import address_text, span_text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (12.4, "12 s"), (185, "3:05"), (3723, "1:02:03")]
)
def test_spans(seconds: float, text: str) -> None:
    assert span_text(seconds) == text


@pytest.mark.parametrize(
    ("address", "width", "text"),
    [
        ("gopher://host.org/1/a", 30, "gopher://host.org/1/a"),
        ("gopher://host.org/1/a/long/path/to/it", 30, "gopher://host.org/…/path/to/it"),
        ("file:///srv/hole/a/long/path", 20, "file:///…a/long/path"),
        ("gopher://an.endless.host.example/1/a/b", 20, "gopher://a…ple/1/a/b"),
        ("mailto:somebody@example.org", 11, "mailt…e.org"),
    ],
)
def test_an_address_is_cut_in_the_middle(address: str, width: int, text: str) -> None:
    shown = address_text(address, width)
    assert len(shown) <= width and shown == text


@pytest.mark.parametrize("width", range(-1, 3))
def test_where_there_is_no_room_nothing_breaks(width: int) -> None:
    assert len(address_text("gopher://host.org/1/a", width)) <= max(1, width)
