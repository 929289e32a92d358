"""Modbus over TCP as an input of the line logger: a write is a line, answered once that is safe."""

import struct
from collections.abc import Iterator

from twisted.plugin import IPlugin
from zope.interface import implementer

from logsrv.linelog.inputs.intake import Input
from logsrv.linelog.inputs.records import RecordReceiver, Records

WRITE_ONE, WRITE_MANY, ILLEGAL_FUNCTION = 6, 16, 1
LONGEST = 254


class Adu:
    """Cuts a stream into messages: number, zero, length of the rest, unit, function, data."""

    fault = ""

    def __init__(self) -> None:
        self._kept = b""

    @property
    def unfinished_bytes(self) -> int:
        return len(self._kept)

    def receive(self, data: bytes) -> list[bytes]:
        self._kept += data
        messages = []
        while len(self._kept) >= 8 and not self.fault:
            protocol, size = struct.unpack_from("!HH", self._kept, 2)
            if protocol or not 2 <= size <= LONGEST:
                self.fault = "this is not Modbus"
            elif len(self._kept) < 6 + size:
                break
            else:
                messages.append(self._kept[: 6 + size])
                self._kept = self._kept[6 + size :]
        return messages


def write(message: bytes) -> tuple[str, bytes]:
    """Return the line of a message, empty if it writes nothing, and the answer."""
    head, unit, function, body = message[:4], message[6], message[7], message[8:]
    if function == WRITE_ONE and len(body) == 4:
        values = body[2:]
    elif function == WRITE_MANY and len(body) > 6 and len(body) == 5 + body[4] and len(body) % 2:
        values = body[5:]
    else:
        return "", head + struct.pack("!HBBB", 3, unit, function | 0x80, ILLEGAL_FUNCTION)
    address, *registers = struct.unpack(f"!{1 + len(values) // 2}H", body[:2] + values)
    line = f"unit {unit} register {address} = {' '.join(map(str, registers))}"
    return line, head + struct.pack("!HBB", 6, unit, function) + body[:4]


class ModbusReceiver(RecordReceiver):
    acknowledges = True
    framer: Adu

    def make_framer(self) -> Adu:
        return Adu()

    def received(self, data: bytes) -> Iterator[None]:
        writes = [write(message) for message in self.framer.receive(data)]
        records = Records()
        records.add_texts([line.encode() for line, _ in writes if line])
        yield from self.store(records)
        if writes:
            self.answer_when_safe(b"".join(answer for _, answer in writes))
        if self.framer.fault:
            self.refuse("protocol", self.framer.fault)


@implementer(IPlugin)
class Modbus(Input):
    name = "modbus"
    connection = ModbusReceiver
    no_datagrams = "a write is answered once it is safe, which needs a connection: modbus:tcp:502"


modbus = Modbus()
