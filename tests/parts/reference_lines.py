"""What a framer has to do, slow and obvious: byte by byte, line by line, no code in common with it."""

import attrs

from logsrv.linelog.lines.rules import LineCounts, LineRules, Oversize
from tests.parts import reference_telnet as telnet


@attrs.define
class Outcome:
    """All that can be seen of a framer after a connection's life."""

    stored: bytes = b""
    answers: bytes = b""
    closed: bool = False
    counts: LineCounts = attrs.Factory(LineCounts)


def reference_telnet(data: bytes, outcome: Outcome) -> bytes:
    heard = telnet.reference_telnet(data, b"\r\n[logsrv: yes]\r\n")
    outcome.answers += heard.answers
    outcome.counts.dropped_telnet += heard.swallowed
    return heard.data


def reference_cr_nul(data: bytes, outcome: Outcome) -> bytes:
    out = []
    i = 0
    while i < len(data):
        if data[i] == 13 and i + 1 < len(data) and data[i + 1] == 0:
            outcome.counts.dropped_cr_nul += 2
            i += 2
        else:
            out.append(data[i])
            i += 1
    return bytes(out)


def reference_escape(line: bytes) -> bytes:
    text = line.decode(errors="backslashreplace")
    out = []
    for character in text:
        code = ord(character)
        if (code < 32 and character != "\t") or 127 <= code < 160 or code in (0x2028, 0x2029):
            out += [f"\\x{byte:02x}" for byte in character.encode()]
        else:
            out.append(character)
    return "".join(out).encode()


def reference_piece(content: bytes, rules: LineRules) -> bytes:
    limit = rules.max_line
    if not rules.raw:
        # A cut is within a character if a lead byte, the bytes up to the cut and the one behind it
        # go together.
        for back in (1, 2, 3):
            start = limit - back
            if start < 1:
                continue
            lead = content[start]
            length = 2 if 0xC2 <= lead < 0xE0 else 3 if 0xE0 <= lead < 0xF0 else 4
            following = content[start + 1 : limit + 1]
            if (
                0xC2 <= lead < 0xF5
                and length > back
                and all(0x80 <= code < 0xC0 for code in following)
            ):
                return content[:start]
    return content[:limit]


def reference(data: bytes, rules: LineRules) -> Outcome:
    """What becomes of a connection that sends `data` and closes."""
    outcome = Outcome()
    counts = outcome.counts
    if not rules.raw:
        if data.startswith(b"\xef\xbb\xbf"):
            data = data[3:]
            counts.dropped_bom = 3
        if rules.telnet:
            data = reference_telnet(data, outcome)
        data = reference_cr_nul(data, outcome)
    lines = data.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    for line in lines:
        content = line if rules.raw or not line.endswith(b"\r") else line[:-1]
        if outcome.closed:
            counts.dropped_closed += len(content)
            continue
        pieces = []
        if len(content) > rules.max_line:
            counts.oversize_lines += 1
            piece = reference_piece(content, rules)
            content = content[len(piece) :]
            pieces.append(piece)
            if rules.oversize is Oversize.SPLIT:
                while len(content) > rules.max_line:
                    piece = reference_piece(content, rules)
                    content = content[len(piece) :]
                    pieces.append(piece)
                pieces.append(content)
            elif rules.oversize is Oversize.TRUNCATE:
                counts.dropped_truncated += len(content)
            else:
                counts.dropped_closed += len(content)
                outcome.closed = True
        else:
            pieces.append(content)
        for piece in pieces:
            outcome.stored += (piece if rules.raw else reference_escape(piece)) + b"\n"
    return outcome
