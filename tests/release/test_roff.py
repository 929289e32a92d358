"""Manual pages: in order, and what is shown is what was written."""

import subprocess

from hypothesis import given
from hypothesis import strategies as st

from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.examples import more
from tests.parts.programs import program
from tests.parts.scripts import script
from tests.release.shells import lint

ROFF = script("manuals/roff.py")
PageSubject, escaped_roff, manual_page = (
    ROFF[name] for name in ("PageSubject", "escaped_roff", "manual_page")
)

ABOUT = """\
Find [things]: in a store.

Example:

  demo find 'it''s' $HOME

Exit status: 0, or 1.
"""


def shown(text: str) -> str:
    """A page as mandoc shows it, without its styles."""
    words = [program("mandoc", "mandoc"), "-T", "utf8", "-O", "width=200"]
    done = subprocess.run(
        words, input=text.encode(), capture_output=True, check=True, timeout=5 * PATIENCE
    )
    text = done.stdout.decode()
    while "\b" in text:
        at = text.index("\b")
        text = text[: at - 1] + text[at + 1 :]
    return text


def test_a_command_has_its_sections():
    parser = Parser("demo find", ABOUT)
    add = parser.add_argument
    add("--output", choices=("text", "json"), help="how; 100%% of 'it' and `that`")
    add("--config", "-f", metavar="FILE", help="a file")
    add("query", metavar="QUERY", nargs="*", help="words")
    also = {"FILES": "  /etc/demo  the file"}
    made = manual_page(
        PageSubject(
            name="demo-find",
            purpose="find things",
            section=1,
            parser=parser,
            also=also,
            see=["demo(1)"],
        ),
        "demo 1",
    )
    assert lint(made) == ""
    text = shown(made)
    titles = ["NAME", "SYNOPSIS", "DESCRIPTION", "ARGUMENTS", "OPTIONS"]
    titles += ["FILES", "EXAMPLES", "EXIT STATUS", "SEE ALSO"]
    assert [line for line in text.splitlines() if line in titles] == titles
    for part in (
        "demo-find - find things",
        "demo find [OPTIONS] [QUERY ...]",
        "demo find 'it''s' $HOME",
        "--config FILE, -f FILE",
        "--output {text,json}",
        "how; 100% of 'it' and `that`",
        "demo(1)",
    ):
        assert part in text
    assert "Exit status:" not in text and "Example:" not in text


def test_text_makes_no_request_or_escape_of_roff():
    lines = [
        ".TH evil 1",
        "'so /etc/passwd",
        r"a\fBb\e \d+ \(aq",
        "--sync 'x' `y` ^z ~/.zfunc \"q\"",
        "gopher://… “red” é",
        "...",
    ]
    text = "Lines:\n\n" + "\n".join(f"  {line}" for line in lines)
    subject = PageSubject(name="demo", purpose="a demo", section=7, parser=Parser("demo", text))
    text = shown(manual_page(subject, "demo 1"))
    for line in lines:
        assert f" {line}\n" in text


@given(st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_categories=["Cs"])))
@more(3)
def test_a_page_is_ascii_and_no_line_is_a_request(text):
    safe = escaped_roff(text)
    assert safe.isascii()
    assert not any(line.startswith((".", "'")) for line in safe.splitlines())
