"""The `python` input: LogRecords of SocketHandler and DatagramHandler of Python's logging."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from logsrv.linelog.formats.python.parse import (
    LARGE_PICKLE,
    NO_RECORD,
    PickleFramer,
    add_pickled_record,
)
from logsrv.linelog.intake.connections import Input, InputDatagrams
from logsrv.linelog.intake.intake import Intake
from logsrv.linelog.intake.parsing import in_batches
from logsrv.linelog.intake.records import RecordReceiver
from logsrv.linelog.lines.bodies import BodyRules, Records, RequestRefused

_LENGTH = 4


def records_of_pickles(
    intake: Intake, pickles: Sequence[bytes], source: str, rules: BodyRules
) -> Records:
    """Return the records in some pickles; a pickle that is no record is dropped and reported."""
    found = Records()
    for pickle in pickles:
        try:
            add_pickled_record(pickle, rules, found)
        except RequestRefused as refusal:
            intake.drop(source, refusal.reason, f"dropped {refusal}")
    return found


class PythonReceiver(RecordReceiver):
    """A connection. A dropped record does not close it, because the next ones may be good."""

    # Small pickles that refer to a value again and again take 8 µs a byte.
    most_at_once = 4 << 10
    framer: PickleFramer

    def make_framer(self) -> PickleFramer:
        return PickleFramer(self.body_rules.max_record, self.body_rules.max_body)

    def messages(self, data: bytes) -> Iterator[list[bytes]]:
        framer, before = self.framer, self.framer.passed_over
        yield from in_batches(framer.receive(data), LARGE_PICKLE)
        if framer.passed_over > before:
            why = f"dropped a record: its pickle is longer than {self.body_rules.max_record} bytes"
            self.intake.drop(self.source, "oversize", why, framer.passed_over - before)
        if framer.fault:
            self.refuse("oversize", f"closing the connection: {framer.fault}")

    def received(self, message: list[bytes]) -> None:
        if len(message[0]) > LARGE_PICKLE:
            self.parse(add_pickled_record, message[0])
        else:
            self.store(records_of_pickles(self.intake, message, self.source, self.body_rules))

    def refuse_message(self, refusal: RequestRefused) -> None:
        if refusal.reason == "pickle":
            self.intake.drop(self.source, "pickle", f"dropped {refusal}")
        else:
            super().refuse_message(refusal)


class PythonDatagrams(InputDatagrams):
    """Datagrams, each one record with its length in front, as on a connection."""

    # Like those of connections.
    most_at_once = 2 << 10

    def take_in(self, payloads: Sequence[bytes], source: str) -> None:
        intake, whole = self.intake, []
        for payload in payloads:
            if int.from_bytes(payload[:_LENGTH], "big") == len(payload) - _LENGTH:
                whole.append(payload[_LENGTH:])
            else:
                intake.drop(
                    source, "pickle", f"dropped {NO_RECORD}: the length in the datagram is wrong"
                )
        found = records_of_pickles(intake, whole, source, intake.body_rules)
        intake.take_datagram_records(found, source)


class Python(Input):
    """The `python` input."""

    name = "python"
    connection = PythonReceiver
    receiver = PythonDatagrams
