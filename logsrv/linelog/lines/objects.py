"""Store messages that should be JSON objects: an object on one line, anything else as text (sans-IO)."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Sequence

from logsrv.linelog.lines.bodies import BodyRules, Records, Reply, parse_json_text
from logsrv.linelog.lines.json_text import count_storable_objects, json_on_one_line
from logsrv.linelog.lines.records import without_ending

_SPACE = b" \t\r\n"


def add_objects_or_text(messages: Sequence[bytes], most: int, records: Records) -> None:
    """Add messages in order; a BOM in front of one is left out.

    most: longest object in bytes; a longer one becomes text.
    """
    lines = b"\n".join(messages)
    if count_storable_objects(lines, most) == len(messages) > 0:
        records.add_whole_lines(lines + b"\n", len(messages))
        return
    for with_bom in messages:
        message = with_bom.removeprefix(BOM_UTF8)
        line = _object_line(message, most)
        if line is not None:
            records.add(line)
        else:
            text = without_ending(message)
            records.as_text += bool(text)
            records.add(text, structured=False)


def add_object_or_text(message: bytes, rules: BodyRules, records: Records) -> Reply:
    """Add one message: the parser of a large one, in a worker."""
    add_objects_or_text([message], rules.max_record, records)
    return Reply(200)


def _object_line(message: bytes, most: int) -> bytes | None:
    """Return a JSON object on one line, or None for anything else."""
    if len(message) > most or not message.lstrip(_SPACE).startswith(b"{"):
        return None
    try:
        parse_json_text(message)
    except ValueError:
        return None
    line = json_on_one_line(message)
    return line if len(line) <= most else None
