"""Files that are there whole or not at all."""

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
    """A new file, open for writing and reading, that gets the name `path` when the block ends well.

    Until then it is a hidden `.NAME.RANDOM.part` beside it; after an error nothing is left, and a
    file that had the name before is untouched. Raises OSError; without `replace` FileExistsError for
    a file that has the name by then.
    """

    def __init__(self, path: str | os.PathLike[str], *, replace: bool = True) -> None:
        self._path = path
        self._replace = replace
        # Room for what is added: file systems take 255 bytes of name.
        folder, name = os.path.split(path)
        begin = os.fsencode(name)[:200].decode("utf-8", "ignore")
        self._part = os.path.join(folder, f".{begin}.{os.urandom(6).hex()}.part")
        self._file: BinaryIO

    def __enter__(self) -> BinaryIO:
        try:
            # With open(), the umask decides about the mode; O_EXCL: never a stranger's file.
            self._file = open(self._part, "x+b")
        except OSError as error:
            _name(error, self._path, self._part)
            raise
        return self._file

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        if error is not None:
            _name(error, self._path, self._part)
            self.abort()
            return
        try:
            self._file.close()
            if self._replace:
                os.replace(self._part, self._path)
            else:
                _rename_to_new(self._part, self._path)
        except BaseException as late:
            _name(late, self._path, self._part)
            self.abort()
            raise

    def abort(self) -> None:
        """Leave nothing behind."""
        try:
            self._file.close()
        except OSError:
            # The rest is not wanted any more.
            pass
        try:
            os.unlink(self._part)
        except FileNotFoundError:
            pass


def is_part(name: str) -> bool:
    """Return true if a file that is not whole yet may be called so."""
    begin, _, number = name.removesuffix(".part").rpartition(".")
    return (
        begin.startswith(".")
        and name.endswith(".part")
        and len(number) == 12
        and not number.strip("0123456789abcdef")
    )


def write_new(path: str, content: bytes) -> None:
    """A file with `content` as `path`: a new one in one step, else in place of what is there. Raises
    OSError.

    Without a rename, for thousands of small files: who looks just then may see a new file empty, and so it
    stays if the system stops then. For whoever writes down elsewhere which files are whole.
    """
    try:
        file = os.open(path, _NEW, 0o666)
    except FileExistsError:
        with whole_file(path) as whole:
            whole.write(content)
        return
    try:
        try:
            # A short write is how a full disk begins to show; the next one says why.
            while content := content[os.write(file, content) :]:
                pass
        finally:
            os.close(file)
    except BaseException as error:
        _name(error, path)
        os.unlink(path)
        raise


def _name(error: BaseException, path: str | os.PathLike[str], part: str | None = None) -> None:
    """Tell of which file an error is: that the disk is full comes without a name, and `part` is ours."""
    if isinstance(error, OSError) and error.filename in (None, part):
        error.filename = os.fspath(path)


def _rename_to_new(part: str, path: str | os.PathLike[str]) -> None:
    try:
        # The only way there is without a moment in which another file could be lost.
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


def end_text(file: BinaryIO) -> bool:
    """Take terminator and stuffed dots off the text in `file`, if it has a terminator.

    In place and in constant memory, as the result is never longer. Returns whether there was one.
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
