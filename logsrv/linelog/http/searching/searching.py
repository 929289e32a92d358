"""A searching process: one request on standard input, its answer on standard output.

    python -P -m logsrv.linelog.http.searching.searching SECONDS

The request is a line of JSON: "directory", "endpoint" and "values" (see `endpoints`), and, if other nodes
are asked, "nodes" (see `gathered`). The answer is a line of JSON, `{"status": 200}` or a problem with its
status, and then the body as HTTP sends it.

It is a process of its own so that no search, however large, holds up the receiving of lines. It has the
lowest claim on the processor and limits on memory and time, and is killed when nobody waits for its answer.
It imports no Twisted.
"""

from __future__ import annotations

import fcntl
import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

from logsrv.errors import LogsrvError, QueryError
from logsrv.kit.children.inside import limit_reader, tell
from logsrv.linelog.http.problems import Problem, wrong_query
from logsrv.linelog.http.searching import replies
from logsrv.linelog.http.searching.gathered import reply
from logsrv.linelog.read.view import View

NO_MEMORY = "this search needs more memory than it may have"


class Body:
    """The body of an answer: its status goes before its first bytes."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self.begun = False

    def begin(self) -> None:
        """Say that all is well, once."""
        if not self.begun:
            self.begun = True
            self._out.write(b'{"status": 200}\n')

    def write(self, data: bytes) -> None:
        """Send some of it now."""
        self.begin()
        self._out.write(data)
        self._out.flush()

    def fail(self, problem: Problem) -> None:
        """Answer with a problem, which is the last line if the body was begun."""
        if not self.begun:
            self._out.write(json.dumps({"status": problem.status}).encode() + b"\n")
        self._out.write(problem.body)
        self._out.flush()


def answer(request: dict[str, Any], out: BinaryIO, tell: Callable[[str], None]) -> None:
    """Answer a request, with a problem if it cannot be answered. `tell`: gets a sentence for damage."""
    body = Body(out)
    try:
        with View(request["directory"], tell, away=True) as view:
            if "nodes" in request:
                found = reply(view, request)
            else:
                found = replies.REPLIES[request["endpoint"]](view, request["values"])
            for data in found:
                body.write(data)
            body.begin()
    except Problem as problem:
        body.fail(problem)
    except QueryError as error:
        body.fail(wrong_query(error))
    except LogsrvError as error:
        body.fail(Problem(503, str(error)))
    except MemoryError:
        body.fail(Problem(503, NO_MEMORY))
    out.flush()


def _end_with_parent() -> None:
    """Let the kernel end this group when the other end of standard input is closed."""
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(0, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)


def main(arguments: list[str]) -> int:
    """Answer one request; return the exit status."""
    limit_reader()
    seconds = int(arguments[0])
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    line = sys.stdin.buffer.readline()
    if line:
        _end_with_parent()
        request = json.loads(line)
        os.environ.update(request.get("variables", {}))
        answer(request, sys.stdout.buffer, tell)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
