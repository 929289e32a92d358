"""Commands from parsers and from settings classes."""

from __future__ import annotations

from logsrv.kit.options.manuals.declared import command_of_settings
from tests.kit.options.example_settings import LoggerOptions
from tests.kit.options.manuals.demo import program


def test_a_parser_says_what_its_values_are() -> None:
    find, copy, read = program().commands
    takes = {option.names[0]: option.takes for option in find.options}
    assert takes["--directory"] == "directories"
    assert takes["--output"] == ("text", "json")
    assert takes["--config"] == "files"
    assert takes["-n"] is None
    assert {option.names[0] for option in find.options if option.many} == {"--level"}
    assert {option.names[0]: option.metavar for option in find.options}["--wrap"] == ""
    assert [place.takes for place in copy.places] == [None, "directories"]
    assert [(place.takes, place.many) for place in read.places] == [("files", True)]
    assert find.usage == "demo find [OPTIONS] [QUERY ...]"


def test_a_settings_class_says_the_same_of_a_plugin() -> None:
    made = command_of_settings(LoggerOptions, name="demo", purpose="does it")
    options = {option.names[0]: option for option in made.options}
    assert options["--sync"].takes == ("never", "interval", "always")
    assert options["--directory"].takes == "directories"
    assert options["--raw"].names == ("--raw", "--no-raw")
    assert options["--listen"].many
    assert "default: 256MiB" in options["--rotate-size"].help
    assert {"--config", "--help", "--help-all", "--version"} <= set(options)
    assert made.name == "twistd demo"
