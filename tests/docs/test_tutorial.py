"""docs/tutorial.md, followed by a reader step by step."""

import pytest

from bench.echo.servers import code_lines
from tests.parts.archives import ROOT
from tests.parts.programs import program
from tests.parts.story import Story, blocks

PAGE = (ROOT / "docs" / "tutorial.md").read_text()
MOST_LINES = 15


def line_of(heading: str) -> int:
    """Return the line of the page at which a part begins."""
    return PAGE[: PAGE.index(f"\n## {heading}")].count("\n") + 2


@pytest.mark.long
@pytest.mark.nightly
def test_the_tutorial_works_as_printed(tmp_path, index):
    """From an empty folder to a wheel, each command, file and conversation."""
    program("openssl", "openssl")
    program("curl", "curl")
    production = line_of("5.")
    with Story(
        tmp_path, ports=(7000, 7001, 7002), environment={**index, "LOGSRV": "logsrv-kit"}
    ) as reader:
        # The default port, which the page need not print, may be in use here.
        reader.type("$ export SHOUT_LISTEN=tcp:7000:interface=127.0.0.1\n")
        reader.follow(PAGE, last=production)
        reader.type("$ unset SHOUT_LISTEN\n")
        reader.stop()
        reader.follow(PAGE, first=production)


def test_the_finished_plugin_has_at_most_fifteen_lines():
    """The lines of the file of step 2 are counted, and those of the package's files by the author."""
    sources = {block.argument: block.body for block in blocks(PAGE) if block.language == "python"}
    assert code_lines(sources["shout.py"]) <= MOST_LINES
    package = [sources["shout/options.py"], sources["shout/protocol.py"]]
    assert sum(map(code_lines, package)) <= MOST_LINES
