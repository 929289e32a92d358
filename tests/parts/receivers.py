"""A small format, and the peer of its connection, for what every input of records does."""

from twisted.internet.testing import StringTransport

from logsrv.linelog.intake.records import RecordReceiver
from logsrv.linelog.lines.bodies import Records


class Semicolons:
    """Records end with `;`."""

    rest = b""

    @property
    def unfinished_bytes(self) -> int:
        return len(self.rest)

    def receive(self, data: bytes) -> list[bytes]:
        *records, self.rest = (self.rest + data).split(b";")
        return records


class Echo(RecordReceiver):
    """Each chunk of records is acknowledged with their number."""

    framer: Semicolons
    most_at_once = 1 << 20

    def make_framer(self) -> Semicolons:
        return Semicolons()

    def received(self, message: bytes) -> None:
        texts = self.framer.receive(message)
        found = Records()
        for text in texts:
            found.add(text, structured=texts[:1] == [b"{}"])
        self.store(found)
        self.answer_when_safe(b"%d." % len(texts))

    def store_texts(self, *texts: bytes) -> None:
        found = Records()
        found.add_texts(list(texts))
        self.store(found)

    def lost(self) -> None:
        self.store_texts(self.framer.rest)


class Peer(StringTransport):
    """A transport that knows whether it is read from, and how it ended."""

    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True
