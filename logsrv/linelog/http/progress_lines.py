"""An answer with its progress: lines of JSON while it is made, the last of which has the whole answer.

It is apart from the replies because it writes while a reply is counted, which yields only its end.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence

from logsrv.linelog.http.search_request import json_line
from logsrv.linelog.read.progress import ReadProgress


class ProgressLines:
    """The lines of one answer. write: sends a line. missing: sentences on what the answer lacks."""

    def __init__(self, write: Callable[[bytes], object], missing: Sequence[str]) -> None:
        self._write, self._missing = write, missing
        # The number of those in the header, which is sent with the first line.
        self._in_header: int | None = None
        self.progress = ReadProgress(self._send_progress)

    def _send_progress(self, read: int, of: int, since: str, answer: bytes | None) -> int:
        about: dict[str, int | str] = {"read": read, "of": of}
        if answer is None:
            return self._send(json_line({"progress": about}))
        head = json.dumps({"progress": about | {"since": since}}).encode()
        return self._send(b'%s, "answer": %s}\n' % (head[:-1], answer.rstrip()))

    def send_whole(self, answer: Iterable[bytes]) -> None:
        """Send the last line. answer: the pieces of the answer without its progress."""
        whole = b"".join(answer).rstrip()
        later = [] if self._in_header is None else self._missing[self._in_header :]
        missing = b', "missing": %s' % json.dumps("; ".join(later)).encode() if later else b""
        self._send(b'{"answer": %s%s}\n' % (whole, missing))

    def _send(self, line: bytes) -> int:
        if self._in_header is None:
            self._in_header = len(self._missing)
        self._write(line)
        return len(line)
