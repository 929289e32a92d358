"""Files that appear complete or not at all."""

from __future__ import annotations

import errno
import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import SEEK_END
from typing import BinaryIO

from logsrv.descriptor import Descriptor
from logsrv.gopher.wire.text import TAIL, terminator_length, without_stuffed_dots

_CHUNK = 64 * 1024
_PARTIAL = r"(?s)\..*\.[0-9a-f]{12}\.part"
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


@contextmanager
def whole_file(path: str | os.PathLike[str], *, replace: bool = True) -> Iterator[BinaryIO]:
    """Open a new file for writing and reading; it gets the name `path` if the `with` block ends normally.

    Until then its name is `.NAME.RANDOM.part`, in the same directory. After an exception it is removed, and
    an earlier file at `path` is unchanged. Raises OSError; without `replace` FileExistsError if `path`
    exists at the end.
    """
    # File systems allow names of 255 bytes: leave room for what is added to the name.
    folder, name = os.path.split(path)
    begin = os.fsencode(name)[:200].decode("utf-8", "ignore")
    part = os.path.join(folder, f".{begin}.{os.urandom(6).hex()}.part")
    try:
        # open() applies the umask to the mode; "x" is O_EXCL: never another process's file.
        with open(part, "x+b") as file:
            try:
                yield file
                file.close()
                if replace:
                    os.replace(part, path)
                else:
                    _rename_unless_exists(part, path)
            except BaseException:
                with suppress(OSError):
                    os.unlink(part)
                raise
    except OSError as error:
        _set_filename(error, path, part)
        raise


def write_whole(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a `whole_file` with this content, in a directory that is made if needed. Raises OSError."""
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with whole_file(path) as file:
        file.write(content)


@contextmanager
def locked_folder(path: str | os.PathLike[str]) -> Iterator[None]:
    """Hold the lock of a folder, which is made if needed. Raises OSError.

    A program that reads a file and writes it anew would else undo what another one has written meanwhile.
    """
    os.makedirs(path, exist_ok=True)
    with Descriptor(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as folder:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield


def is_partial_file(name: str) -> bool:
    """Return true if `name` has the form `.NAME.RANDOM.part` of an incomplete `whole_file`."""
    return re.fullmatch(_PARTIAL, name) is not None


def create_or_replace(path: str, content: bytes) -> None:
    """Write `content` to `path`: a new file directly, an existing one by `whole_file`. Raises OSError.

    Faster than a rename for thousands of small files. But a reader, or a crash of the system, may find a
    new file empty: the caller must record elsewhere which files are complete.
    """
    try:
        file = os.open(path, _NEW, 0o666)
    except FileExistsError:
        with whole_file(path) as whole:
            whole.write(content)
        return
    try:
        try:
            # On a full disk the first write is short; the next one raises the error.
            while content := content[os.write(file, content) :]:
                pass
        finally:
            os.close(file)
    except BaseException as error:
        _set_filename(error, path)
        os.unlink(path)
        raise


def _set_filename(
    error: BaseException, path: str | os.PathLike[str], part: str | None = None
) -> None:
    """Give an OSError the file name `path`, if it has the name `part` or none (as for a full disk)."""
    if isinstance(error, OSError) and error.filename in (None, part):
        error.filename = os.fspath(path)


def _rename_unless_exists(part: str, path: str | os.PathLike[str]) -> None:
    try:
        # A link fails if the name exists: the only way that can never replace another file.
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:
        # A file system without hard links, such as FAT.
        if os.path.exists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        os.replace(part, path)
    else:
        os.unlink(part)


def unstuff_file(file: BinaryIO) -> bool:
    """Remove terminator and stuffed dots from the text in `file`, if it ends with a terminator.

    Works in place and in constant memory: the result is never longer. Returns true if there was one.
    """
    size = file.seek(0, SEEK_END)
    file.seek(max(0, size - TAIL))
    length = terminator_length(file.read()) if size else 0
    if not length or (size > TAIL and length == TAIL):
        return False
    end, position, written = size - length, 0, 0
    while position < end:
        file.seek(position)
        # Whole lines, so that each piece begins with one.
        lines = (file.read(_CHUNK) + file.readline())[: end - position]
        position += len(lines)
        file.seek(written)
        written += file.write(without_stuffed_dots(lines))
    file.truncate(written)
    return True
