"""A page is headed by what it calls itself, if it does."""

from __future__ import annotations

import pytest

from logsrv.gopher.gateway.headings import heading_of


@pytest.mark.parametrize(
    ("text", "heading"),
    [
        ("Welcome to my gopherhole\n\nMore.", "Welcome to my gopherhole"),
        ("\n\n  *** About   this server ***\n====\n", "About this server"),
        ("  /\\_/\\  \n ( o.o ) \n-------\nThe cat page\n", "The cat page"),
        ("# Notes\n", "Notes"),
        ("A line that is far too long to be a heading, as it goes on and on and on, for " * 2, ""),
        ("----\n====\n12 34\n", ""),
        ("\n" * 50 + "too far down", ""),
        ("", ""),
    ],
)
def test_heading(text: str, heading: str) -> None:
    assert heading_of(text.split("\n")) == heading
