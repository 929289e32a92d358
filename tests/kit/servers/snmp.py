"""SNMP version 2c as an input of the line logger: traps, and informs, answered once they are safe."""

from twisted.plugin import IPlugin
from zope.interface import implementer

from logsrv.linelog.inputs.intake import Input
from logsrv.linelog.inputs.records import RecordDatagrams

SEQUENCE, INTEGER, TEXT, OID = 0x30, 2, 4, 6
RESPONSE, INFORM, TRAP = 0xA2, 0xA6, 0xA7
VERSION_2C = b"\1"


def elements(data: bytes) -> list[tuple[int, bytes]]:
    """Return the tag and the contents of each element of BER. Raises ValueError if one is cut."""
    found, at = [], 0
    while at < len(data):
        tag, size = data[at], data[at + 1 : at + 2]
        at += 2
        if size and size[0] & 0x80:
            more = size[0] & 0x7F
            size, at = data[at : at + more], at + more
        end = at + int.from_bytes(size, "big")
        if not size or end > len(data):
            raise ValueError("this is not SNMP")
        found.append((tag, data[at:end]))
        at = end
    return found


def element(tag: int, contents: bytes) -> bytes:
    size = len(contents)
    if size < 0x80:
        return bytes([tag, size]) + contents
    return bytes([tag, 0x82]) + size.to_bytes(2, "big") + contents


def dotted(oid: bytes) -> str:
    numbers, number = [*divmod(oid[0], 40)], 0
    for byte in oid[1:]:
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            numbers.append(number)
            number = 0
    return ".".join(map(str, numbers))


def notification(data: bytes) -> tuple[bytes, bytes]:
    """Return a trap as a line, and the answer, empty if it wants none. Raises ValueError, IndexError."""
    [(_, message)] = elements(data)
    (_, version), (_, community), (kind, pdu) = elements(message)
    if version != VERSION_2C or kind not in (INFORM, TRAP):
        raise ValueError("this is neither a trap nor an inform of version 2c")
    words = []
    for _, binding in elements(elements(pdu)[3][1]):
        (_, name), (tag, value) = elements(binding)
        shown = (
            dotted(value).encode() if tag == OID else value if tag == TEXT else value.hex().encode()
        )
        words.append(dotted(name).encode() + b"=" + shown)
    answer = element(INTEGER, version) + element(TEXT, community) + element(RESPONSE, pdu)
    return b" ".join(words), element(SEQUENCE, answer) if kind == INFORM else b""


class Notifications(RecordDatagrams):
    def received(self, data: bytes) -> None:
        try:
            line, answer = notification(data)
        except IndexError:
            raise ValueError("this is not SNMP") from None
        self.store(line)
        if answer:
            self.answer_when_safe(answer)


@implementer(IPlugin)
class Snmp(Input):
    name = "snmp"
    receiver = Notifications
    no_streams = "SNMP comes in datagrams: snmp:udp:162"


snmp = Snmp()
