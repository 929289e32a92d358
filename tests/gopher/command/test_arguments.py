"""What stands on the command line of `gopher` is understood, or refused in one sentence."""

import re
from io import BytesIO, StringIO
from pathlib import Path

import pytest

from logsrv.errors import ConfigurationError, HelpRequest, UsageError
from logsrv.gopher.command.arguments import connection_options
from logsrv.gopher.command.fetch import parsed_options, resolve_requested_url
from logsrv.gopher.command.main import COMMANDS, parser_of, run
from logsrv.gopher.fetch.connection_options import ConnectionOptions
from logsrv.gopher.wire.errors import BadURL, GopherError
from tests.gopher.command.answers import gopher


def url_of(*words: str) -> str:
    return str(resolve_requested_url(parsed_options(words), ConnectionOptions())[0])


@pytest.mark.parametrize(
    ("words", "url"),
    [
        (["example.org"], "gopher://example.org/"),
        (["example.org:7070/0/a"], "gopher://example.org:7070/0/a"),
        (["[::1]:7070/0/a"], "gopher://[::1]:7070/0/a"),
        (["gophers://h/1/x"], "gophers://h/1/x"),
        (["h/7/find", "red", "hat"], "gopher://h/7/find%09red%20hat"),
        (["h/7/find%09red"], "gopher://h/7/find%09red"),
        (["h/0/a", "--type", "9"], "gopher://h/9/a"),
        (["h/0/a", "--plus"], "gopher://h/0/a%09%09+"),
        (["h/0/a%09%09!", "--plus"], "gopher://h/0/a%09%09%21"),
        (["--", "mirror"], "gopher://mirror/"),
        # Some servers answer it with all there is, or with a form.
        (["h/7/find"], "gopher://h/7/find"),
    ],
)
def test_the_url_and_what_options_add_to_it(words, url):
    assert url_of(*words) == url.replace("%21", "!")


@pytest.mark.parametrize(
    ("words", "kind", "sentence"),
    [
        ([], UsageError, "required: URL"),
        (["h", "--colour"], UsageError, r"--colour is no option \(did you mean --color\?\)"),
        (["h", "--timeout", "soon"], UsageError, "soon is not a length of time"),
        (["h", "--max-size", "1kb"], UsageError, "did you mean 1KiB"),
        (["h", "--type", "10"], UsageError, "not an item type"),
        (["http://h/"], BadURL, "has to begin with gopher"),
        (["h/0/a%0d%0aQUIT"], BadURL, "would end the request early"),
        (["h/hURL:http://web.example/"], ConfigurationError, "http://web.example/"),
        (["h/8x"], ConfigurationError, "link out of Gopher: telnet://x@h"),
        (["h/2x"], ConfigurationError, r"type 2 \(phonebook\) cannot be fetched"),
        (["h", "--charset", "utf-16"], ConfigurationError, "not a character set"),
        (["h", "--json", "--raw"], UsageError, "choose one"),
        (["h", "--json", "-o", "x"], UsageError, "choose one"),
        (["h", "--proxy", "http://x"], ConfigurationError, "socks5://"),
        (["h", "--pin", "--insecure"], UsageError, "--cafile, --pin and --insecure are three"),
    ],
)
def test_what_makes_no_sense_is_said_in_one_sentence(words, kind, sentence):
    def parse() -> None:
        options = parsed_options(words)
        resolve_requested_url(options, ConnectionOptions())
        connection_options(options)

    with pytest.raises(kind, match=sentence) as caught:
        parse()
    assert "\n" not in str(caught.value)


def test_the_help_names_every_exit_status():
    with pytest.raises(HelpRequest) as caught:
        parsed_options(["--help"])
    for kind in GopherError.__subclasses__():
        assert f" {kind.exit_status} " in caught.value.text


def test_every_option_is_documented():
    page = (Path(__file__).parents[3] / "docs" / "gopher.md").read_text()
    for words in (["--help"], ["mirror", "--help"]):
        shown = BytesIO()
        run(words, shown, StringIO())
        options = re.findall(r"^  (--[a-z-]+)", shown.getvalue().decode(), re.MULTILINE)
        assert len(options) > 10
        for option in options:
            if option not in ("--help", "--version"):
                assert f"`{option}" in page, option
    for kind in GopherError.__subclasses__():
        assert f"| {kind.exit_status} |" in page


def test_each_command_has_its_own_help_and_without_one_it_is_that_of_a_url():
    for name in COMMANDS:
        status, shown = gopher(name, "--help")[:2]
        assert status == 0
        assert shown.decode() == parser_of(name).format_help()
    assert gopher("--help")[1].startswith(b"usage: gopher")
    assert gopher("--version")[1].startswith(b"gopher (logsrv)")
    assert parser_of().parse_args(["example.org"]).url == "example.org"
