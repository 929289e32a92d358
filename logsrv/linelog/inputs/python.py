"""The `python` input: LogRecords of SocketHandler and DatagramHandler of Python's logging."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from zope.interface import implementer

from logsrv.kit.framing.frames import LengthPrefix
from logsrv.kit.net.source import source_of
from logsrv.kit.observe.seldom import Seldom
from logsrv.linelog.framing.plain_pickle import NotPlainError
from logsrv.linelog.framing.python_records import line_of
from logsrv.linelog.framing.records import Run, in_runs
from logsrv.linelog.inputs.intake import IDatagramReceiver, IInput, Intake
from logsrv.linelog.inputs.records import RecordReceiver, store_from_datagrams

log = Logger()
_LENGTH = 4
# Records that are read in one step, some 20 µs each.
_AT_ONCE = 64


class Pickles:
    """The pickles of a listener: made records, or counted and reported where they are none."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._dropped = Seldom(intake.clock.seconds)

    def records(self, pickles: Iterable[bytes], source: str) -> list[Run]:
        """Return what is to be stored of some pickles."""
        most = self._intake.structured_rules.max_line
        found = []
        for pickle in pickles:
            try:
                line = line_of(pickle, most)
            except NotPlainError as error:
                self.drop(str(error), source)
            else:
                found.append((line, len(line) <= most))
        return list(in_runs(found))

    def drop(self, why: str, source: str) -> None:
        """Count a record that is not stored, and report it: the first, then once a minute."""
        self._intake.refused("pickle")
        noted = self._dropped.note(self._intake.label)
        if noted is not None:
            log.warn(
                "{source}: dropped {number} of what were to be Python's log records: {why}",
                source=source,
                number=noted.number,
                why=why,
            )


class PythonReceiver(RecordReceiver):
    """A connection. A record that is dropped does not close it: those behind it may be good."""

    def __init__(self, intake: Intake, pickles: Pickles) -> None:
        super().__init__(intake)
        self._pickles = pickles
        self._framer = LengthPrefix(_LENGTH).framer(intake.structured_rules.max_line)

    @property
    def held(self) -> int:
        return self._framer.held

    def received(self, data: bytes) -> Iterator[None]:
        pickles = self._framer.receive(data)
        for at in range(0, len(pickles), _AT_ONCE):
            for run in self._pickles.records(pickles[at : at + _AT_ONCE], self.source):
                self.store(run.lines, structured=run.structured)
            yield
        if self._framer.trouble:
            self.refuse("oversize", f"closing the connection: {self._framer.trouble}")

    def lost(self) -> None:
        if self.held:
            self.intake.refused("unfinished")


class PythonFactory(Factory):
    noisy = False

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._pickles = Pickles(intake)

    def buildProtocol(self, addr: IAddress | None) -> PythonReceiver:
        receiver = PythonReceiver(self._intake, self._pickles)
        receiver.factory = self
        return receiver


@implementer(IDatagramReceiver)
class PythonDatagrams:
    """Datagrams, each of one record, with its length as on a connection."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._pickles = Pickles(intake)

    def datagrams_received(self, payloads: Sequence[bytes], source: IAddress) -> None:
        intake = self._intake
        intake.received_bytes += sum(map(len, payloads))
        name = intake.source(source_of(source))
        whole = []
        for payload in payloads:
            if int.from_bytes(payload[:_LENGTH], "big") == len(payload) - _LENGTH:
                whole.append(payload[_LENGTH:])
            else:
                self._pickles.drop("a datagram does not have the length that it says", name)
        for run in self._pickles.records(whole, name):
            store_from_datagrams(intake, run.lines, name, structured=run.structured)


@implementer(IInput)
class Python:
    """The input itself."""

    name = "python"

    def stream(self, intake: Intake) -> PythonFactory:
        return PythonFactory(intake)

    def datagrams(self, intake: Intake) -> PythonDatagrams:
        return PythonDatagrams(intake)
