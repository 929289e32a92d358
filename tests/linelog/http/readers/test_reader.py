"""Readers: rights, lines, and tokens that tell them apart."""

from pathlib import Path

import pytest

from logsrv.errors import ConfigurationError
from logsrv.linelog.http.problems import Problem
from logsrv.linelog.http.readers.reader import ANYBODY, Reader, read_readers
from logsrv.linelog.http.readers.reader_settings import ReaderSettings
from logsrv.linelog.http.readers.token_file import KnownToken


def file(home: Path, name: str, text: str) -> Path:
    (home / name).write_text(text)
    return home / name


def test_readers_are_made_of_tables_and_the_token_for_all(tmp_path):
    tables = (
        ReaderSettings(name="ann", token_file=file(tmp_path, "a", "1"), only="app=web"),
        ReaderSettings(name="bob", may=("read", "save")),
    )
    everything, ann, bob = read_readers(tables, "token")
    assert everything.name == "" and everything.may == {"read", "save", "alert"}
    assert ann.only == "app=web" and ann.may == {"read"}
    assert bob.token is None and bob.may == {"read", "save"}
    assert read_readers((), None) == ()


@pytest.mark.parametrize("hashed", [False, True])
def test_two_readers_with_one_token_are_refused(tmp_path, hashed):
    text = KnownToken.of("1", "0" * 32).line if hashed else "1"
    first = ReaderSettings(name="ann", token_file=file(tmp_path, "a", text))
    second = ReaderSettings(name="bob", token_file=file(tmp_path, "b", "1"))
    with pytest.raises(ConfigurationError, match="have the same token"):
        read_readers((first, second), None)
    with pytest.raises(ConfigurationError, match="--http-token and reader ann"):
        read_readers((first,), "1")
    copy = ReaderSettings(name="cy", token_file=file(tmp_path, "c", text))
    with pytest.raises(ConfigurationError, match="have the same token"):
        read_readers((first, copy), None)


def test_a_right_that_is_lacking_is_named():
    reader = Reader("ann", frozenset(("read", "save")))
    reader.require("save")
    for right in ("alert", ""):
        with pytest.raises(Problem, match=r"alerts and silences.*lacks the right alert"):
            reader.require(right)
    ANYBODY.require("")


def test_what_tells_of_all_lines_is_refused_to_who_sees_some():
    ANYBODY.require_all_lines("/metrics")
    with pytest.raises(Problem, match="/metrics tells of all of them"):
        Reader("ann", only="app=web").require_all_lines("/metrics")


def test_another_right_leaves_streams_open_and_other_lines_do_not():
    reader = Reader("ann", only="app=web", token=KnownToken.of("1"))
    assert reader.reads_like(Reader("ann", frozenset(("read",)), "app=web", KnownToken.of("1")))
    assert not reader.reads_like(Reader("ann", only="app=api", token=KnownToken.of("1")))
    assert not reader.reads_like(Reader("ann", only="app=web", token=KnownToken.of("2")))
    assert not reader.reads_like(Reader("bob", only="app=web", token=KnownToken.of("1")))


def test_a_token_is_in_no_text_about_a_reader():
    assert "digest" not in repr(Reader("ann", token=KnownToken.of("1")))
