"""Files that options name: read before anything could block; secrets among options and in files."""

import os
import re
import socket
import threading
from pathlib import Path
from types import SimpleNamespace

import attrs
import pytest

from logsrv.errors import ConfigurationError
from logsrv.kit.options import files
from logsrv.kit.options.declare import option, tables
from logsrv.kit.options.files import (
    LONGEST_SECRET,
    MOST_SECRETS,
    SECRET,
    SECRET_FILE,
    GivenFile,
    create_file,
    exposure_warning,
    file_fingerprint,
    given_files,
    inline_secret_keys,
    read_file,
    read_secret,
    read_secrets_of_lines,
)
from logsrv.kit.options.kinds import DIRECTORY, PATH
from tests.parts.users import open_directory
from tests.parts.waits import join


def test_a_file_is_read_up_to_its_largest_size(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 100_000)
    assert read_file(path, 100_000) == b"x" * 100_000
    with pytest.raises(ValueError, match=r"is larger than 97\.7 KiB"):
        read_file(path, 99_999)
    path.write_bytes(b"")
    assert read_file(path, 0) == b""


@pytest.mark.parametrize(
    ("content", "read"),
    [
        (b"\xef\xbb\xbf[a]\n", b"[a]\n"),
        (b"\xef\xbb\xbf", b""),
        (b"a\xef\xbb\xbf", b"a\xef\xbb\xbf"),
    ],
)
def test_a_byte_order_mark_in_front_is_left_out(tmp_path, content, read):
    """Editors on Windows write one; a configuration could not be read with it."""
    (tmp_path / "file").write_bytes(content)
    assert read_file(tmp_path / "file", 100) == read


def test_no_file_at_all_is_written_as_the_null_device():
    assert read_file(Path("/dev/null"), 10) == b""


@pytest.mark.parametrize("pipe", [False, True])
def test_a_directory_socket_or_device_is_refused_at_once(tmp_path, pipe):
    """A plain open of most of these waits for ever, and a reactor with it."""
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "socket"))
        for path, sentence in (
            (tmp_path / "missing", "no such file or directory"),
            (tmp_path, "is a directory, not a file"),
            (tmp_path / "socket", "is a socket, not a file"),
            (Path("/dev/zero"), "is a device, not a file"),
            (Path("a\0b"), "null"),
        ):
            with pytest.raises(ValueError, match=re.escape(sentence)):
                read_file(path, 10, pipe=pipe)


def test_a_pipe_is_refused_at_a_reload(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="is a pipe, which cannot be read again at a reload"):
        read_file(tmp_path / "pipe", 10)


@pytest.mark.parametrize("name", ["/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"])
def test_standard_input_is_refused_at_a_reload(name):
    """In a daemon it is the null device by then, which would be a file with nothing in it."""
    with pytest.raises(ValueError, match=r"^cannot be read again at a reload$"):
        read_file(Path(name), 10)


def test_the_output_of_a_process_substitution_is_read(tmp_path):
    """`<(…)` is a descriptor; a named pipe may be opened before its writer is there."""
    reader, writer = os.pipe()
    os.write(writer, b"stay = true\n")
    os.close(writer)
    assert read_file(Path(f"/dev/fd/{reader}"), 100, pipe=True) == b"stay = true\n"
    os.close(reader)
    fifo = tmp_path / "pipe"
    os.mkfifo(fifo)
    late = threading.Thread(target=fifo.write_bytes, args=(b"x" * 200_000,))
    late.start()
    assert read_file(fifo, 200_000, pipe=True) == b"x" * 200_000
    join(late)


def test_a_pipe_without_an_end_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "PIPE_SECONDS", 0.01)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match=r"that did not end within 0\.01 s"):
        read_file(tmp_path / "pipe", 10, pipe=True)
    reader, writer = os.pipe()
    os.write(writer, b"begun")
    with pytest.raises(ValueError, match="that did not end within"):
        read_file(Path(f"/dev/fd/{reader}"), 10, pipe=True)
    os.write(writer, b"x" * 1000)
    with pytest.raises(ValueError, match="is larger than 10 bytes"):
        read_file(Path(f"/dev/fd/{reader}"), 10, pipe=True)
    os.close(reader)
    os.close(writer)


def test_a_file_looks_otherwise_once_it_was_saved_or_replaced(tmp_path):
    path, other = tmp_path / "file", tmp_path / "other"
    assert file_fingerprint(path) is None
    path.write_text("one")
    other.write_text("two")
    before = file_fingerprint(path)
    assert file_fingerprint(path) == before is not None
    os.utime(other, ns=(before[0], before[0]))
    other.replace(path)
    assert file_fingerprint(path) != before


def test_a_new_file_is_its_owners_from_the_beginning_and_replaces_none(tmp_path):
    path = tmp_path / "key"
    create_file(path, b"secret", 0o600)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"secret", 0o600)
    with pytest.raises(FileExistsError):
        create_file(path, b"other", 0o600)
    assert path.read_bytes() == b"secret"


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
        GivenFile("token-file", other, True, table="part"),
    ]


def test_settings_without_options_name_no_files():
    assert not list(given_files(SimpleNamespace(token_file=Path("/x"))))


def test_secrets_in_a_document_are_found_by_key():
    document = {"token-file": "x", "part": [{"token": "abc"}, {"token-file": "y"}, 7]}
    assert list(inline_secret_keys(Whole, document)) == ["token"]
    assert not list(inline_secret_keys(Whole, {"part": "none"}))


def test_a_secret_comes_from_the_command_line_or_a_file(tmp_path):
    file = tmp_path / "token"
    file.write_text("open-sesame\n")
    assert read_secret("token", "abc", None) == "abc"
    assert read_secret("token", None, file) == "open-sesame"
    assert read_secret("token", None, None) is None


@pytest.mark.parametrize("text", ["", "two words", "x" * (LONGEST_SECRET + 1), "é", "a\x1b[2J"])
def test_a_wrong_secret_is_refused(text, tmp_path):
    file = tmp_path / "token"
    file.write_text(text)
    with pytest.raises(ValueError):
        SECRET.parse(text)
    with pytest.raises(ConfigurationError, match=r"--token-file .*token"):
        read_secret("token", None, file)


def test_a_second_line_in_the_file_of_one_secret_is_named(tmp_path):
    file = tmp_path / "token"
    file.write_text("one\n\ntwo\n")
    with pytest.raises(
        ConfigurationError, match="has 2 lines; a single one is accepted: printable"
    ):
        read_secret("token", None, file)


def test_a_file_may_have_several_secrets_one_a_line(tmp_path):
    file = tmp_path / "tokens"
    file.write_text("new\n\n old \n")
    assert read_secrets_of_lines("token", None, file) == ("new", "old")
    assert read_secrets_of_lines("token", "abc", None) == ("abc",)
    assert read_secrets_of_lines("token", None, None) == ()
    for text, says in (
        ("\n\n", "has no token in it; accepted: printable"),
        ("two words", "has no token in it; accepted: printable"),
        ("new\nmy old one\n", "token 2 in --token-file .* is not a valid token; accepted"),
        ("x\n" * (MOST_SECRETS + 1), f"has {MOST_SECRETS + 1} tokens; at most {MOST_SECRETS} are"),
    ):
        file.write_text(text)
        with pytest.raises(ConfigurationError, match=says):
            read_secrets_of_lines("token", None, file)
    with pytest.raises(ConfigurationError, match="are both given"):
        read_secrets_of_lines("token", "abc", file)


def test_two_sources_or_a_wrong_file_are_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="--token and --token-file are both given"):
        read_secret("token", "a", tmp_path / "token")
    with pytest.raises(ConfigurationError, match=r"--token-file .*: no such file"):
        read_secret("token", None, tmp_path / "none")
    with pytest.raises(ConfigurationError, match="is a directory"):
        read_secret("token", None, tmp_path)


def test_a_secret_that_others_may_read_is_exposed():
    assert exposure_warning(Path("/dev/null")) is None
    with open_directory() as directory:
        path = directory / "a token"
        assert exposure_warning(path) is None
        path.touch()
        for mode, may in (
            (0o640, ""),
            (0o644, "read"),
            (0o642, "change"),
            (0o666, "read and change"),
        ):
            path.chmod(mode)
            sentence = (
                f"everybody on this machine may {may} it (mode {mode:04o}): chmod 640 '{path}'"
            )
            assert exposure_warning(path) == (sentence if may else None)
            # Nothing in it is secret; but what others write into it would count.
            may_change = "change" in may
            assert exposure_warning(path, lambda _: True) == (sentence if may_change else None)
        # Nobody else comes to it.
        directory.chmod(0o750)
        assert exposure_warning(path) is None
