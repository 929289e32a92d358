"""What a Telnet filter has to do, slow and obvious: byte by byte, no code in common with it."""

import attrs

IAC, SB, SE = 255, 250, 240
DO, WILL, AYT = 253, 251, 246
FIRST_COMMAND = 236


@attrs.define
class Heard:
    """All that can be seen of a filter after a connection's life."""

    data: bytes = b""
    answers: bytes = b""
    swallowed: int = 0


def reference_telnet(data: bytes, presence: bytes = b"\r\n[yes]\r\n") -> Heard:
    heard = Heard()
    out = []
    i = 0
    while i < len(data):
        if data[i] != IAC or i + 1 == len(data):
            out.append(data[i])
            i += 1
            continue
        command = data[i + 1]
        if command == IAC:
            out.append(IAC)
            i += 2
        elif command in (251, 252, 253, 254):
            if i + 2 == len(data):
                out += data[i:]
                break
            if command == WILL:
                heard.answers += bytes([IAC, 254, data[i + 2]])
            if command == DO:
                heard.answers += bytes([IAC, 252, data[i + 2]])
            i += 3
        elif command == SB:
            length = reference_subnegotiation(data[i:])
            if length is None:
                out += data[i:]
                break
            if length == 0:
                out += data[i : i + 2]
                length = 2
            i += length
        elif command >= FIRST_COMMAND:
            if command == AYT:
                heard.answers += presence
            i += 2
        else:
            out += data[i : i + 2]
            i += 2
    heard.data = bytes(out)
    heard.swallowed = len(data) - len(out)
    return heard


def reference_subnegotiation(data: bytes) -> int | None:
    """Its length; 0: it is none; None: the data end before that can be told."""
    if len(data) < 3:
        return None
    window = data[2] == 31
    most = 8 if window else 1024
    size = 0
    i = 3
    while i < len(data):
        if data[i] == IAC:
            if i + 1 == len(data):
                return None if size <= most else 0
            if data[i + 1] == SE:
                return i + 2
            if data[i + 1] != IAC:
                return 0
            size += 2
            i += 2
        else:
            if data[i] == 10 and not window:
                return 0
            size += 1
            i += 1
        if size > most:
            return 0
    return None
