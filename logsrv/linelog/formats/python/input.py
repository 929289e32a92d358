"""The `python` input: LogRecords of SocketHandler and DatagramHandler of Python's logging."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from logsrv.linelog.formats.python.parse import PickleFramer, pickled_record_line
from logsrv.linelog.formats.python.plain_pickle import NotPlainError
from logsrv.linelog.intake.connections import Input, InputDatagrams
from logsrv.linelog.intake.gathering import store_datagram_records
from logsrv.linelog.intake.intake import Intake
from logsrv.linelog.intake.records import RecordReceiver
from logsrv.linelog.lines.bodies import Records
from logsrv.linelog.lines.long_work import call_as_long_work, run_to_result

_LENGTH = 4
# Bytes of pickles that are read before other peers have a turn; a hundred bytes usually take 20 µs.
_TURN = 4 << 10


def records_of_pickles(
    intake: Intake, pickles: Iterable[bytes], source: str
) -> Generator[Any, None, Records]:
    """Return the records in some pickles, in steps; a pickle that is no record is dropped and reported."""
    found = Records()
    size = 0
    for pickle in pickles:
        size += len(pickle)
        if size > _TURN:
            size = 0
            yield
        try:
            line = yield from call_as_long_work(
                partial(pickled_record_line, pickle, intake.max_record), len(pickle)
            )
        except NotPlainError as error:
            drop_pickle(intake, str(error), source)
        else:
            found.add(line, structured=len(line) <= intake.max_record)
    return found


def drop_pickle(intake: Intake, why: str, source: str) -> None:
    """Count and report a pickle that is no log record."""
    intake.drop(source, "pickle", f"dropped a pickle that is no Python log record: {why}")


class PythonReceiver(RecordReceiver):
    """A connection. A dropped record does not close it, because the next ones may be good."""

    framer: PickleFramer

    def make_framer(self) -> PickleFramer:
        self._longest = self.intake.max_record
        return PickleFramer(self._longest, self.intake.options.max_body)

    def received(self, data: bytes) -> Iterator[None]:
        framer, before = self.framer, self.framer.passed_over
        pickles = framer.receive(data)
        if pickles:
            yield from self.store(
                (yield from records_of_pickles(self.intake, pickles, self.source))
            )
        if framer.passed_over > before:
            why = f"dropped a record: its pickle is longer than {self._longest} bytes"
            self.intake.drop(self.source, "oversize", why, framer.passed_over - before)
        if framer.fault:
            self.refuse("oversize", f"closing the connection: {framer.fault}")


class PythonDatagrams(InputDatagrams):
    """Datagrams, each one record with its length in front, as on a connection."""

    # Small pickles that refer to a value again and again take 8 µs a byte.
    most_at_once = 2 << 10

    def take_in(self, payloads: Sequence[bytes], source: str) -> None:
        intake, whole = self.intake, []
        for payload in payloads:
            if int.from_bytes(payload[:_LENGTH], "big") == len(payload) - _LENGTH:
                whole.append(payload[_LENGTH:])
            else:
                drop_pickle(intake, "the length in the datagram is wrong", source)
        store_datagram_records(
            intake, run_to_result(records_of_pickles(intake, whole, source)), source
        )


class Python(Input):
    """The `python` input."""

    name = "python"
    connection = PythonReceiver
    receiver = PythonDatagrams
