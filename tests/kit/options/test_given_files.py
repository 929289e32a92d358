"""The files that settings name, and the secrets in a document."""

from pathlib import Path
from types import SimpleNamespace

import attrs

from logsrv.kit.options.declare import option, tables
from logsrv.kit.options.given_files import GivenFile, given_files, inline_secret_keys
from logsrv.kit.options.kinds import DIRECTORY, PATH
from logsrv.kit.options.secrets import SECRET, SECRET_FILE


@attrs.frozen(kw_only=True)
class Part:
    token: str | None = option(None, SECRET, "a token")
    token_file: Path | None = option(None, SECRET_FILE, "a file that has it")


@attrs.frozen(kw_only=True)
class Whole:
    store: Path = option("store", DIRECTORY, "no file")
    texts: tuple[Path, ...] = option((), PATH, "some files", repeatable=True)
    token_file: Path | None = option(None, SECRET_FILE, "a file that has a token")
    part: tuple[Part, ...] = tables(Part, "parts")


def test_files_of_options_and_tables_come_once():
    one, other, text = Path("/one"), Path("/other"), Path("/text")
    parts = (Part(token_file=one), Part(), Part(token_file=other))
    assert list(given_files(Whole(texts=(text,), token_file=one, part=parts))) == [
        GivenFile("texts", text, False, needed=False),
        GivenFile("token-file", one, True),
        GivenFile("token-file", other, True),
    ]


def test_settings_without_options_name_no_files():
    assert not list(given_files(SimpleNamespace(token_file=Path("/x"))))


def test_secrets_in_a_document_are_found_by_key():
    document = {"token-file": "x", "part": [{"token": "abc"}, {"token-file": "y"}, 7]}
    assert list(inline_secret_keys(Whole, document)) == ["token"]
    assert not list(inline_secret_keys(Whole, {"part": "none"}))
