"""Functions for small files that options name: they read, compare and create files, list the given files,
and find secrets.

No file or device can block a read. A secret is given by `--OPTION VALUE` for tests, by `--OPTION-file FILE`
otherwise.
"""

from __future__ import annotations

import os
import select
import shlex
import stat
import time
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from logsrv.descriptor import Descriptor
from logsrv.errors import ConfigurationError
from logsrv.kit.options.declare import option_name, options_of, table_key, tables_of
from logsrv.kit.options.kinds import FILE, NEW_FILE, PATH, Kind
from logsrv.kit.text.words import size_text

# Seconds that the writer of a pipe may take for all of it; then the file is refused.
PIPE_SECONDS = 10.0
# Paths that name open files of the process that opens them: in a daemon they are other files.
DESCRIPTORS = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/")
CHUNK = 64 * 1024

FileFingerprint = tuple[int, int, int]
"""The fingerprint of a file: its time of change in ns, its size in bytes and its inode. It changes with
every save.
"""

LONGEST_SECRET = 1000
MOST_SECRETS = 16
"""The most secrets in a file with one secret a line; a file may have several secrets, so that they can be
rotated.
"""
SECRET_FILE: Kind[Path] = attrs.evolve(FILE, secret=True)
"""The kind of a path to a file with a secret, such as a token or a key: `given_files` marks this file as
secret.
"""


def read_file(path: Path, largest: int, *, pipe: bool = False) -> bytes:
    """Return the contents of a file of at most `largest` bytes, without a byte order mark at the beginning.

    It is a regular file, or the null device.

    pipe: whether to accept a pipe too, such as `<(…)` of a shell. It can be read only once, and the read
    waits for its writer, so this is not for a running reactor. Raises ValueError with a phrase to follow
    the file's name, such as "is a directory, not a file".
    """
    if not pipe and names_descriptor(path):
        raise ValueError("cannot be read again at a reload")
    try:
        # Checked before the open, because opening some devices uses them: a tape rewinds.
        _check_readable_kind(os.stat(path), pipe)
        # A plain open of a FIFO without a writer would wait.
        with Descriptor(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)) as descriptor:
            found = os.fstat(descriptor)
            _check_readable_kind(found, pipe)
            contents = _read_descriptor(descriptor, largest, patient=stat.S_ISFIFO(found.st_mode))
            # Some editors write a byte order mark at the start of a UTF-8 file.
            return contents.removeprefix(BOM_UTF8)
    except OSError as error:
        raise ValueError((error.strerror or "unreadable").lower()) from error


def names_descriptor(path: Path) -> bool:
    """Return whether a path names an open file of this process, such as `/dev/stdin`."""
    return str(path).startswith(DESCRIPTORS)


def file_fingerprint(path: str | Path) -> FileFingerprint | None:
    """Return the fingerprint of a file, which changes with each save; None if the file cannot be found."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def create_file(path: Path, data: bytes, mode: int) -> None:
    """Create a file. Raises OSError, also if it exists.

    It is created with its mode, so that others cannot read a key even for a moment. After an error, such as
    a full disk, there is no file.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
    except OSError:
        path.unlink()
        raise


def _check_readable_kind(found: os.stat_result, pipe: bool) -> None:
    """Raise ValueError for a file that cannot be read safely."""
    mode = found.st_mode
    if stat.S_ISFIFO(mode):
        if not pipe:
            raise ValueError("is a pipe, which cannot be read again at a reload")
    elif stat.S_ISDIR(mode):
        raise ValueError("is a directory, not a file")
    elif stat.S_ISSOCK(mode):
        raise ValueError("is a socket, not a file")
    elif not stat.S_ISREG(mode) and found.st_rdev != os.stat(os.devnull).st_rdev:
        raise ValueError("is a device, not a file")


def _read_descriptor(descriptor: int, largest: int, *, patient: bool) -> bytes:
    data = bytearray()
    deadline = time.monotonic() + PIPE_SECONDS
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    while True:
        # The deadline is for the whole pipe: a writer must not keep it open by a byte now and then.
        if patient and not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise ValueError(f"is a pipe that did not end within {PIPE_SECONDS:g} s")
        chunk = os.read(descriptor, min(CHUNK, largest + 1 - len(data)))
        data += chunk
        if len(data) > largest:
            raise ValueError(f"is larger than {size_text(largest)}")
        if not chunk:
            return bytes(data)


@attrs.frozen
class GivenFile:
    """A file that an option names.

    option: the name without dashes. secret: whether the file contains a secret. needed: whether it must be
    there before a start. written: whether the service writes it. table: the key of the array of tables that
    names it; "" for an option. harmless: tells whether everybody may read it, though it is secret.
    """

    option: str
    path: Path
    secret: bool
    needed: bool = True
    written: bool = False
    table: str = ""
    harmless: Callable[[Path], bool] = attrs.field(default=lambda path: False, eq=False)

    @property
    def exposure(self) -> str | None:
        """Return the `exposure_warning` of a secret file; None for other files."""
        return exposure_warning(self.path, self.harmless) if self.secret else None

    @property
    def named_by(self) -> str:
        """Return the name of the option or of the key, as sentences name it."""
        return f"{self.option} of [[{self.table}]]" if self.table else f"--{self.option}"


def given_files(settings: Any) -> Iterable[GivenFile]:
    """Return the files that options name, those of `settings` and those of its tables; each file once.

    Settings that declare no options have none.
    """
    found: dict[tuple[Path, bool], GivenFile] = {}
    for one in _files_with_repeats(settings) if attrs.has(type(settings)) else ():
        found.setdefault((one.path, one.secret), one)
    return found.values()


def _files_with_repeats(settings: Any, table: str = "") -> Iterator[GivenFile]:
    for attribute, option in options_of(type(settings)).items():
        value = getattr(settings, attribute)
        for one in value if option.repeatable else (value,):
            if isinstance(one, Path) and option.kind.completion == "files":
                kind = option.kind
                # A kind of the author's may be one of these with another phrase.
                written = kind.accepted == NEW_FILE.accepted
                needed = not written and kind.accepted != PATH.accepted
                name, secret, harmless = option_name(attribute), kind.secret, kind.harmless
                yield GivenFile(name, one, secret, needed, written, table, harmless)
    for attribute, declared in tables_of(type(settings)).items():
        for inner in getattr(settings, attribute):
            yield from _files_with_repeats(inner, table_key(attribute, declared))


def inline_secret_keys(settings_class: type[Any], document: Mapping[str, Any]) -> Iterator[str]:
    """Yield those keys of a TOML document and of its tables that have secrets as their values."""
    for attribute, option in options_of(settings_class).items():
        # The path to a secret is not a secret.
        is_secret = option.kind.secret and option.kind.completion != "files"
        if is_secret and option_name(attribute) in document:
            yield option_name(attribute)
    for attribute, declared in tables_of(settings_class).items():
        found = document.get(table_key(attribute, declared), [])
        for table in found if isinstance(found, list) else []:
            if isinstance(table, dict):
                yield from inline_secret_keys(declared.settings_class, table)


def _parse_secret(text: str) -> str:
    if not 0 < len(text) <= LONGEST_SECRET or not all("!" <= one <= "~" for one in text):
        raise ValueError("not a token")
    return text


SECRET: Kind[str] = Kind(_parse_secret, "printable ASCII without spaces", "TOKEN", secret=True)
"""A secret in a settings file, such as a token."""


def _parse_key_pair(text: str) -> str:
    name, secret = text.split()
    return f"{_parse_secret(name)} {_parse_secret(secret)}"


KEY_PAIR: Kind[str] = Kind(
    _parse_key_pair, "a key and its secret, with a space between them", "KEY SECRET"
)
"""The access key of a store of objects (such as S3), and the secret of this key."""


def read_secret(
    option: str, value: str | None, file: Path | None, kind: Kind[str] = SECRET
) -> str | None:
    """Return the secret from `--OPTION`, or from the file that `--OPTION-file` names; None if neither
    option is given.

    Raises ConfigurationError if both are given, or if the file cannot be read or has no secret in it.
    """
    if file is None:
        return value
    if value is not None:
        raise ConfigurationError(f"--{option} and --{option}-file are both given; remove one")
    named = f"--{option}-file {file}"
    lines = _secret_lines(named, file, 1)
    try:
        return kind.parse("\n".join(lines))
    except ValueError:
        if len(lines) > 1:
            raise ConfigurationError(
                f"{named} has {len(lines)} lines; a single one is accepted: {kind.accepted}"
            ) from None
        raise ConfigurationError(f"{named} has no token in it; accepted: {kind.accepted}") from None


def read_secrets_of_lines(option: str, value: str | None, file: Path | None) -> tuple[str, ...]:
    """Return the secret from `--OPTION`, or all secrets in the file that `--OPTION-file` names, one a line;
    () if neither option is given.

    Empty lines are passed over. Raises ConfigurationError as `read_secret` does, also for more than
    MOST_SECRETS.
    """
    if file is None or value is not None:
        found = read_secret(option, value, file)
        return () if found is None else (found,)
    named = f"--{option}-file {file}"
    lines = _secret_lines(named, file, MOST_SECRETS)
    if not lines:
        raise ConfigurationError(f"{named} has no token in it; accepted: {SECRET.accepted}")
    if len(lines) > MOST_SECRETS:
        raise ConfigurationError(
            f"{named} has {len(lines)} tokens; at most {MOST_SECRETS} are accepted"
        )
    for number, line in enumerate(lines, 1):
        try:
            SECRET.parse(line)
        except ValueError:
            where = (
                f"{named} has no token in it"
                if len(lines) == 1
                else f"token {number} in {named} is not a valid token"
            )
            raise ConfigurationError(f"{where}; accepted: {SECRET.accepted}") from None
    return tuple(lines)


def _secret_lines(named: str, file: Path, most: int) -> list[str]:
    """Return the lines of a file of secrets, without spaces around them and without empty ones.

    Raises ConfigurationError if it cannot be read, or is larger than `most` secrets.
    """
    try:
        text = read_file(file, most * (LONGEST_SECRET + 10)).decode("ascii", "replace")
    except ValueError as error:
        raise ConfigurationError(f"{named}: {error}") from None
    return list(filter(None, map(str.strip, text.splitlines())))


def exposure_warning(
    path: Path, harmless: Callable[[Path], bool] = lambda path: False
) -> str | None:
    """Return a sentence with the remedy if everybody on this machine may read or change a regular file.

    harmless: tells whether everybody may read it, as it has nothing secret; nobody else may change it.
    None if others may not, or cannot enter one of the directories above it, or if there is no such file.
    """
    try:
        mode = os.stat(path).st_mode
        closed = any(not os.stat(one).st_mode & stat.S_IXOTH for one in path.absolute().parents)
    except OSError:
        return None
    what = {stat.S_IROTH: "read", stat.S_IWOTH: "change"}
    found = [word for bit, word in what.items() if mode & bit]
    if found == ["read"] and harmless(path):
        return None
    # A device or a directory is refused elsewhere; nobody should chmod /dev/zero because of this sentence.
    if closed or not found or not stat.S_ISREG(mode):
        return None
    may = " and ".join(found)
    return (
        f"everybody on this machine may {may} it (mode {mode & 0o7777:04o}): "
        f"chmod 640 {shlex.quote(str(path))}"
    )
