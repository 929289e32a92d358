"""The language of manual pages: what is shown is what was written."""

from __future__ import annotations

import subprocess

from hypothesis import given
from hypothesis import strategies as st

from logsrv.kit.options.manuals import roff
from tests.examples import more
from tests.programs import program

HEAD = roff.header("demo", 7, "2026-11-22", "demo 1") + roff.heading("NAME") + "demo \\- demo\n"


def shown(page: str) -> str:
    """A page as mandoc shows it, without its styles."""
    words = [program("mandoc", "mandoc"), "-T", "utf8", "-O", "width=200"]
    done = subprocess.run(words, input=page.encode(), capture_output=True, check=True)
    text = done.stdout.decode()
    while "\b" in text:
        at = text.index("\b")
        text = text[: at - 1] + text[at + 1 :]
    return text


def test_nothing_is_a_request_or_an_escape() -> None:
    lines = [
        ".TH evil 1",
        "'so /etc/passwd",
        r"a\fBb\e \d+ \(aq",
        "--sync 'x' `y` ^z ~/.zfunc \"q\"",
        "gopher://… “red” é",
        "...",
    ]
    page = shown(HEAD + roff.heading("DESCRIPTION") + roff.literal("\n".join(lines)))
    for line in lines:
        assert f" {line}\n" in page


@given(st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_categories=["Cs"])))
@more(3)
def test_it_is_ascii_and_begins_no_request(text: str) -> None:
    escaped = roff.escaped(text)
    assert escaped.isascii()
    assert not any(line.startswith((".", "'")) for line in escaped.splitlines())


def test_terms_and_styles() -> None:
    page = shown(HEAD + roff.heading("OPTIONS") + roff.terms([(roff.bold("-n"), "how many")]))
    assert "-n" in page and "how many" in page
    assert roff.italic("") == roff.bold("") == ""
    assert roff.subheading("Part") == ".SS Part\n"
    assert roff.paragraph("x") == ".PP\nx\n"
