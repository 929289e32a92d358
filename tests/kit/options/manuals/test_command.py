"""A command as pages and completions see it."""

from __future__ import annotations

from tests.kit.options.manuals.demo import program


def test_its_names_and_arguments() -> None:
    find = program().commands[0]
    assert (find.word, find.page) == ("find", "demo-find")
    assert [option.names[0] for option in find.options][:2] == ["--help", "--directory"]
    assert [place.metavar for place in find.places] == ["QUERY"]
