"""A searching process: one request on standard input, its answer on standard output.

    python -P -m logsrv.linelog.http.search_child [--fork]

The request is a `SearchOrder` as JSON. The answer is a message with the status and what the answer
lacks, then the body of the HTTP response in any number of messages. With `--fork` a process is
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
from typing import TYPE_CHECKING, Any, cast

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
from logsrv.linelog.http.search_request import Reply
from logsrv.linelog.parts.endpoints import RefusedRequest
from logsrv.linelog.read.all_stores import open_all_stores
from logsrv.linelog.read.plan import Scope, missing_segments
from logsrv.linelog.read.remembered import RememberedParts
from logsrv.linelog.read.restrict import restrict
from logsrv.linelog.read.view import REMOVED_MEANWHILE, View
from logsrv.memory import collect_rarely, reserve_little

if TYPE_CHECKING:
    from logsrv.linelog.http.searching.search_order import SearchOrder, TimeValues

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
    order: SearchOrder,
    send_message: Callable[[bytes], None],
    tell_service: Callable[[str], None],
    remembered: RememberedParts | None = None,
) -> None:
    """Answer an order, with a problem if it fails.

    send_message: called with each message of the answer. tell_service: called with a sentence about damage.
    remembered: parts of earlier answers.
    """
    body = SearchAnswerWriter(send_message)

    def tell(sentence: str) -> None:
        if REMOVED_MEANWHILE in sentence:
            body.missing.append(sentence)
        tell_service(sentence)

    try:
        name, values = order["function"], order["values"]
        reply: Callable[[View, Any], Reply] = (
            load_object(name) if ":" in name else replies.REPLIES[name]
        )
        with open_all_stores(order["directory"], tell) as view:
            view.remembered = remembered
            # Set here for every answer, of parts too: whatever reads the view is restricted by it.
            restrict(view, order["only"])
            times = cast("TimeValues", values)
            body.missing = missing_segments(
                view, Scope(times.get("since") or "", times.get("until") or "")
            )
            answer = reply(view, values)
            if order["progress"]:
                _send_with_progress(view, answer, body)
            else:
                for data in answer:
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


def _send_with_progress(view: View, answer: Reply, body: SearchAnswerWriter) -> None:
    lines = ProgressLines(body.write, body.missing)
    view.progress = lines.progress
    lines.send_whole(answer)


def _answer(message: bytes, remembered: RememberedParts) -> Sequence[bytes]:
    """Answer an order; return notes of what is to be remembered."""
    order: SearchOrder = json.loads(message)
    resource.setrlimit(resource.RLIMIT_CPU, (order["seconds"], order["seconds"]))
    os.environ.update(order["variables"])
    answer_request(order, send_message, tell_service, remembered)
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
