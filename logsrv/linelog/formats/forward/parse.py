"""Events of the Forward protocol, version 1, from Fluentd, Fluent Bit and their libraries (sans-IO).

    [tag, time, record]           [tag, [[time, record], …]]        [tag, "the entries, packed"]

A map of options may follow as the last element. Before the first event, with a shared key, only a client
that proves to know it may send:

    server: ["HELO", {"nonce": …}]
    client: ["PING", its name, salt, sha512(salt, its name, nonce, key), user, password]
    server: ["PONG", true or false, reason, our name, sha512(salt, our name, nonce, key)]
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
from typing import Any

import msgpack

from logsrv.linelog.formats.forward.entries import EntryWriter, unpack_value
from logsrv.linelog.formats.forward.msgpack_values import (
    array_header,
    begins_text,
    text_content,
    value_end,
)
from logsrv.linelog.lines.bodies import (
    BodyRules,
    Records,
    Reply,
    RequestRefused,
)
from logsrv.linelog.lines.inflated import (
    UnpackingError,
    inflate_pieces,
    unpack,
    unpack_zstd_pieces,
)

# An event with a longer tag, or longer options, in bytes, is refused; usual ones have a few dozen.
LONGEST_TAG = 4096
MOST_OPTIONS = 64 << 10
_LEAST_PARTS = 2
_NIL = b"\xc0"
# Raised for an event that is damaged. The reasons to refuse one whose entries are valid.
_DAMAGED = (ValueError, TypeError, IndexError, RecursionError)
_VALID = ("oversize", "no_logs")
_LOGS = 0


def add_event(value: bytes, rules: BodyRules, records: Records) -> Reply:
    """Add the records of one event, a whole MessagePack value; the reply is the acknowledgement.

    The reply is empty if the sender asked for none. A nil has no records: Fluentd sends it to keep a
    connection alive. Raises RequestRefused, with the number of the event's records if it can be known.
    """
    if value == _NIL:
        return Reply(200)
    try:
        return Reply(200, _add_event(memoryview(value), rules, records))
    except UnpackingError as error:
        refusal = RequestRefused(400, f"an event cannot be unpacked: {error}", reason="unpacking")
    except _DAMAGED:
        refusal = RequestRefused(400, "an event is damaged")
    except RequestRefused as refused:
        refusal = refused
        if refused.status == 413:
            refusal = RequestRefused(413, f"an event is too large: {refused}")
    number = _number_of_entries(memoryview(value), rules, refusal.reason in _VALID)
    refusal.records = number or records.count_if_refused_here
    raise refusal


def _number_of_entries(value: memoryview, rules: BodyRules, valid: bool) -> int | None:
    """Return how many entries a refused event has; None if that is unknown.

    valid: whether packed entries are MessagePack; else each of their bytes may look like an entry.
    """
    header = array_header(value)
    if header is None or header[0] < _LEAST_PARTS:
        return None
    try:
        at = value_end(value, header[1])
        several = array_header(value[at:])
        if several or not (valid and begins_text(value[at])):
            return several[0] if several else None
        end = value_end(value, at)
        way = _parse_options(value[end:]).get("compressed")
        entries = msgpack.Unpacker(max_buffer_size=rules.max_body)
        entries.feed(_unpacked_entries(value[at:end], way, rules))
        number = 0
        with contextlib.suppress(msgpack.OutOfData):
            while True:
                entries.skip()
                number += 1
    except (*_DAMAGED, UnpackingError, RequestRefused):
        return None
    return number


def _add_event(value: memoryview, rules: BodyRules, records: Records) -> bytes:
    """Add the records of an event; return the acknowledgement."""
    header = array_header(value)
    if header is None or not _LEAST_PARTS <= header[0] <= 4:
        raise _refused_event("it sent no event: neither [tag, time, record] nor [tag, entries]")
    parts, start = header
    at = value_end(value, start)
    entries = EntryWriter(_parse_tag(value[start:at]), rules.max_record, records)
    several = array_header(value[at:])
    packed = begins_text(value[at])
    options = parts - (2 if packed or several else 3)
    if not 0 <= options <= 1:
        raise _refused_event("an event has too many parts, or too few")
    if several:
        number, begin = several
        end = at + begin + entries.add_entries(value[at + begin :], number)
    else:
        end = value_end(value, at)
    if not (packed or several):
        time, begin = value[at:end], end
        end = value_end(value, begin)
        entries.add_pair(time, value[begin:end])
    asked = _parse_options(value[end:]) if options else {}
    if packed:
        entries.add_entries(_unpacked_entries(value[at:end], asked.get("compressed"), rules))
    if asked.get("fluent_signal", _LOGS) != _LOGS:
        raise _refused_event(
            "an event has metrics or traces; only logs are stored", reason="no_logs"
        )
    if not len(records):
        # It is acknowledged all the same: a sender that repeats it has no more to send.
        records.count_unknown()
    chunk = asked.get("chunk")
    if not isinstance(chunk, (str, bytes)):
        return b""
    return bytes(msgpack.packb({"ack": chunk}))


def _refused_event(sentence: str, reason: str = "protocol") -> RequestRefused:
    return RequestRefused(400, sentence, reason=reason)


def _parse_tag(part: memoryview) -> str:
    if not begins_text(part[0]) or len(part) > LONGEST_TAG:
        raise _refused_event(f"an event has no tag, or one of more than {LONGEST_TAG} bytes")
    return _as_str(unpack_value(part))


def _as_str(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "backslashreplace")


def _parse_options(part: memoryview) -> dict[str, Any]:
    if part.nbytes > MOST_OPTIONS:
        raise _refused_event(f"the options of an event have more than {MOST_OPTIONS} bytes")
    options = unpack_value(part)
    if options is None:
        return {}
    if not isinstance(options, dict):
        raise _refused_event("the options of an event are no map")
    return {_as_str(key): value for key, value in options.items() if isinstance(key, (str, bytes))}


def _unpacked_entries(part: memoryview, compressed: object, rules: BodyRules) -> memoryview:
    """Return the content of packed entries. Raises UnpackingError and RequestRefused."""
    data = text_content(part)
    way = _as_str(compressed) if isinstance(compressed, (str, bytes)) else compressed
    if way in (None, "text"):
        return data
    if way == "gzip":
        pieces = inflate_pieces(data)
    elif way == "zstd":
        pieces = unpack_zstd_pieces(data)
    else:
        why = "an event is compressed in a way that is unknown here"
        raise _refused_event(why, "unpacking")
    return memoryview(unpack(pieces, rules.max_body, rules.check_unpacked))


# Our name in the PONG. Fluentd refuses a server with Fluentd's own host name, and no host is called this.
OUR_NAME = "logsrv"
# Longest PING in bytes: a client that has not proved the key yet may send no more.
LONGEST_PING = 4096


def helo_message(nonce: bytes) -> bytes:
    """Return the server's HELO. nonce: fresh random bytes."""
    return bytes(msgpack.packb(["HELO", {"nonce": nonce, "auth": b"", "keepalive": True}]))


def answer_ping(ping: bytes, key: str, nonce: bytes) -> tuple[bytes, str]:
    """Return the answer to a client's PING, and the reason for refusing the client, "" if it may send.

    ping: the client's first MessagePack value. If that is no valid PING, the answer is b"".
    """
    try:
        parts = msgpack.unpackb(ping, raw=True)
    except (ValueError, TypeError):
        parts = None
    if not isinstance(parts, list) or len(parts) != 6 or parts[0] != b"PING":
        return b"", "it sent something before it had shown the shared key"
    name, salt, digest = parts[1:4]
    if not all(isinstance(part, bytes) for part in (name, salt, digest)):
        return b"", "its PING is damaged"
    if not hmac.compare_digest(_key_digest(salt, name, nonce, key), digest.lower()):
        reason = "shared key mismatch"
        return msgpack.packb(["PONG", False, reason, "", ""]), "it does not have the shared key"
    ours = _key_digest(salt, OUR_NAME.encode(), nonce, key).decode()
    return msgpack.packb(["PONG", True, "", OUR_NAME, ours]), ""


def _key_digest(salt: bytes, name: bytes, nonce: bytes, key: str) -> bytes:
    return hashlib.sha512(b"".join((salt, name, nonce, key.encode()))).hexdigest().encode()
