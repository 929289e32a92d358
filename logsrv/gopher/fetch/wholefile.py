"""Files that appear complete or not at all."""

from __future__ import annotations

import errno
import os
from io import SEEK_END
from types import TracebackType
from typing import BinaryIO

from logsrv.gopher.wire.text import TAIL, Unstuffer, terminator_length

_CHUNK = 64 * 1024
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


class whole_file:
    """A new file, open for writing and reading, that gets the name `path` if the `with` block ends
    normally.

    Until then its name is `.NAME.RANDOM.part`, in the same directory. After an exception it is removed, and
    an earlier file at `path` is unchanged. Raises OSError; without `replace` FileExistsError if `path`
    exists at the end.
    """

    def __init__(self, path: str | os.PathLike[str], *, replace: bool = True) -> None:
        self._path = path
        self._replace = replace
        # File systems allow names of 255 bytes: leave room for what is added to the name.
        folder, name = os.path.split(path)
        begin = os.fsencode(name)[:200].decode("utf-8", "ignore")
        self._part = os.path.join(folder, f".{begin}.{os.urandom(6).hex()}.part")
        self._file: BinaryIO

    def __enter__(self) -> BinaryIO:
        try:
            # open() applies the umask to the mode; "x" is O_EXCL: never another process's file.
            self._file = open(self._part, "x+b")
        except OSError as error:
            _set_filename(error, self._path, self._part)
            raise
        return self._file

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        if error is not None:
            _set_filename(error, self._path, self._part)
            self.abort()
            return
        try:
            self._file.close()
            if self._replace:
                os.replace(self._part, self._path)
            else:
                _rename_unless_exists(self._part, self._path)
        except BaseException as late:
            _set_filename(late, self._path, self._part)
            self.abort()
            raise

    def abort(self) -> None:
        """Close and remove the incomplete file."""
        try:
            self._file.close()
        except OSError:
            # An error while the buffer is written does not matter: the file is removed.
            pass
        try:
            os.unlink(self._part)
        except FileNotFoundError:
            pass


def is_partial_file(name: str) -> bool:
    """Return true if `name` has the form `.NAME.RANDOM.part` of an incomplete `whole_file`."""
    begin, _, number = name.removesuffix(".part").rpartition(".")
    return (
        begin.startswith(".")
        and name.endswith(".part")
        and len(number) == 12
        and not number.strip("0123456789abcdef")
    )


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
    left, written, unstuffer = size - length, 0, Unstuffer()
    position = 0
    while left:
        file.seek(position)
        chunk = file.read(min(left, _CHUNK))
        position += len(chunk)
        left -= len(chunk)
        done = unstuffer.feed(chunk)
        file.seek(written)
        written += file.write(done)
    file.seek(written)
    written += file.write(unstuffer.finish())
    file.truncate(written)
    return True
