"""A searching process: one request on standard input, its answer on standard output.

    python -P -m logsrv.linelog.http.search_child [--fork]

The request is JSON: "directory", "endpoint", "values" (see `endpoints`) and "seconds", the CPU time that it
may take; "only", the condition of the lines that its reader may see, "" for all; optionally "variables" for
the environment. For the endpoint of another part (parts/endpoints.py) "work" names the function, instead of
"endpoint". The answer is a message with the status and what the
answer lacks, then the body of the HTTP response in any number of messages. With `--fork` a process is
forked for each request (fork_side.py), in which everything is imported, and which has the parts of earlier
answers (read/remembered.py).

It is a process of its own so that even a large search does not delay the receiving of lines. It has the
lowest priority, and limits of memory and time. It is killed when nobody waits for its answer.
This module imports no Twisted.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from logsrv.errors import LogsrvError, QueryError
from logsrv.kit.children.child_side import (
    limit_reading_process,
    read_messages,
    send_message,
    tell_service,
)
from logsrv.kit.children.fork_side import end_with_input, fork_for_orders
from logsrv.kit.plugins import load_object
from logsrv.linelog.http import replies
from logsrv.linelog.http.problems import Problem, query_problem
from logsrv.linelog.http.progress_lines import ProgressLines
from logsrv.linelog.http.search_request import Reply, Values
from logsrv.linelog.parts.endpoints import RefusedRequest
from logsrv.linelog.read.all_stores import open_all_stores
from logsrv.linelog.read.plan import Scope, missing_segments
from logsrv.linelog.read.remembered import RememberedParts
from logsrv.linelog.read.restrict import restrict
from logsrv.linelog.read.view import REMOVED_MEANWHILE, View
from logsrv.memory import collect_rarely, reserve_little

# The most bytes of a message. The server keeps one in memory for a client that does not read.
PIECE = 64 << 10
FORK = "--fork"
# Most figures need these, which take longer to import than to use. The extra `columns` may be missing.
_OF_FIGURES = (
    "logsrv.linelog.read.figures.counted_groups",
    "logsrv.linelog.read.answers.column_search",
)
NO_MEMORY = "this search needs more memory than it may have"


class SearchAnswerWriter:
    """The body of an answer. The status is sent before the first bytes.

    missing: a sentence for each run of segments that the answer lacks.
    """

    def __init__(self, send_message: Callable[[bytes], None]) -> None:
        self._send = send_message
        self.begun = False
        self.missing: list[str] = []

    def send_status_once(self) -> None:
        """Send status 200 and what is missing, once."""
        if not self.begun:
            self.begun = True
            self._send(f"200 {'; '.join(self.missing)}".rstrip().encode())

    def write(self, data: bytes) -> None:
        """Send a part of the body."""
        self.send_status_once()
        for start in range(0, len(data), PIECE):
            self._send(data[start : start + PIECE])

    def send_problem(self, problem: Problem) -> None:
        """Answer with a problem. If part of the body has been sent, the problem is its last line."""
        if not self.begun:
            self._send(b"%d" % problem.status)
        self._send(problem.body)


def answer_request(
    request: dict[str, Any],
    send_message: Callable[[bytes], None],
    tell_service: Callable[[str], None],
    remembered: RememberedParts | None = None,
) -> None:
    """Answer a request, with a problem if it fails.

    send_message: called with each message of the answer. tell_service: called with a sentence about damage.
    remembered: parts of earlier answers.
    """
    body = SearchAnswerWriter(send_message)

    def tell(sentence: str) -> None:
        if REMOVED_MEANWHILE in sentence:
            body.missing.append(sentence)
        tell_service(sentence)

    try:
        work = load_object(request["work"]) if "work" in request else None
        with open_all_stores(request["directory"], tell) as view:
            view.remembered = remembered
            # Set here for every answer, of parts too: whatever reads the view is restricted by it.
            restrict(view, request["only"])
            values = request["values"]
            body.missing = missing_segments(
                view, Scope(values.get("since") or "", values.get("until") or "")
            )
            reply = work or replies.REPLIES[request["endpoint"]]
            if values.get("progress"):
                _answer_with_progress(view, reply, values, body)
            else:
                for data in reply(view, values):
                    body.write(data)
            body.send_status_once()
    except RefusedRequest as refusal:
        body.send_problem(Problem.of_refusal(refusal))
    except QueryError as error:
        body.send_problem(query_problem(error))
    except LogsrvError as error:
        body.send_problem(Problem(503, str(error)))
    except MemoryError:
        body.send_problem(Problem(503, NO_MEMORY))


def _answer_with_progress(
    view: View, reply: Callable[[View, Any], Reply], values: Values, body: SearchAnswerWriter
) -> None:
    answer = ProgressLines(body.write, body.missing)
    view.progress = answer.progress
    answer.send_whole(reply(view, values))


def _answer(message: bytes, remembered: RememberedParts) -> Sequence[bytes]:
    """Answer a request; return notes of what is to be remembered."""
    request = json.loads(message)
    seconds = request["seconds"]
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    os.environ.update(request.get("variables", {}))
    answer_request(request, send_message, tell_service, remembered)
    return remembered.take_notes()


def _import_for_figures() -> None:
    with suppress(ImportError):
        for module in _OF_FIGURES:
            importlib.import_module(module)


def main(arguments: list[str]) -> int:
    """Answer one request, or each in a process of its own; return the exit status."""
    limit_reading_process()
    reserve_little()
    collect_rarely()
    remembered = RememberedParts()
    if FORK in arguments:
        _import_for_figures()
        fork_for_orders(partial(_answer, remembered=remembered), remembered.keep)
        return 0
    for message in read_messages():
        end_with_input()
        _answer(message, remembered)
        break
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
