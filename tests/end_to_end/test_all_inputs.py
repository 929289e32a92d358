"""A daemon with every input, and every kind of message: stored and refused is sent, and the log says it."""

import contextlib
import re
import socket
from collections import Counter
from collections.abc import Sequence

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.daemons import Logger
from tests.parts.messages import (
    EVENT,
    JSON,
    LOKI,
    MESSAGES,
    OTLP,
    Message,
    posted,
    promises_all,
)
from tests.parts.web_clients import Client

# Not in MESSAGES, as a store in memory takes no blocks.
BLOCKS = [
    Message("blocks", kind, posted("/blocks", JSON, body), 1)
    for kind, body in (
        ("object", {}),
        ("array", []),
        ("other", OTLP),
        ("other-loki", LOKI),
        ("other-forward", EVENT),
        ("misspelt", {"Block": []}),
        ("empty", b""),
        ("bom", b"\xef\xbb\xbf"),
    )
]
ALL = [*MESSAGES, *BLOCKS]
NAMES = list(dict.fromkeys(one.input for one in ALL))
# Blocks need a token, and then all that is sent over HTTP does.
TOKEN = "geheim"
TOKEN_AND_HOST = f"\r\nAuthorization: Bearer {TOKEN}\r\nHost:".encode()
OVER_HTTP = ("http", "journal", "blocks")
# Said once a minute for each listener, though many of these messages were sent.
SENTENCES = ("dropped an empty record", "a message has no record", "; stored as text")


def count_of(server: Logger, metrics: str) -> Counter[str]:
    """Return the sum of counters of each input. metrics: a regular expression for their names."""
    text = Client(server.ports()[-1]).ask("/metrics").body.decode()
    found: Counter[str] = Counter()
    pattern = rf'logsrv_(?:{metrics})_total\{{listener="(\w+):[^}}]*\}} ([\d.e+]+)'
    for name, value in re.findall(pattern, text):
        found[name] += int(float(value))
    return found


def send_all(messages: Sequence[Message], port: int, open_ones: contextlib.ExitStack) -> None:
    """Send each message over a connection of its own, which stays open; read the answer over HTTP."""
    for message in messages:
        sender = socket.create_connection(("127.0.0.1", port), PATIENCE)
        open_ones.enter_context(sender)
        sender.sendall(message.data.replace(b"\r\nHost:", TOKEN_AND_HOST, 1))
        if message.input in OVER_HTTP:
            answer = sender.recv(1 << 16)
            assert answer.startswith(b"HTTP/1.1 "), message.name
            assert promises_all(message, answer) or not message.valid, (message.name, answer)


@pytest.mark.slow
def test_every_message_to_every_input_is_stored_or_refused(logger):
    listens = [f"{name}:tcp:0:interface=127.0.0.1" for name in NAMES]
    server = logger(
        "--metrics", "tcp:0:interface=127.0.0.1", "--input-token", TOKEN, listen=listens
    )
    ports = dict(zip(NAMES, server.ports()[:-1], strict=True))
    sent = Counter({name: sum(one.sent for one in ALL if one.input == name) for name in NAMES})
    with contextlib.ExitStack() as open_ones:
        for name in NAMES:
            some = [one for one in ALL if one.input == name]
            send_all(some, ports[name], open_ones)
        server.wait_until(
            lambda: count_of(server, "received_lines|records_refused") == sent, "all to be counted"
        )
    refused = count_of(server, "records_refused").total()
    server.stop()
    # What came with the ends of the connections is none of these records.
    assert len(server.messages()) == sent.total() - refused
    log = server.log()
    for sentence in SENTENCES:
        assert 1 <= log.count(sentence) <= len(NAMES), sentence


@pytest.mark.slow
@pytest.mark.parametrize("option", [("--mask", "/.+/"), ("--drop", "NOT nothing-has-this-word")])
def test_no_input_brings_a_line_past_masks_and_drops(logger, option):
    names = list(dict.fromkeys(one.input for one in MESSAGES))
    listens = [f"{name}:tcp:0:interface=127.0.0.1" for name in names]
    server = logger(
        *("--metrics", "tcp:0:interface=127.0.0.1", "--input-token", TOKEN),
        *option,
        listen=listens,
    )
    sent = Counter({name: sum(one.sent for one in MESSAGES if one.input == name) for name in names})
    with contextlib.ExitStack() as open_ones:
        for name, port in zip(names, server.ports()[:-1], strict=True):
            send_all([one for one in MESSAGES if one.input == name], port, open_ones)
        server.wait_until(
            lambda: count_of(server, "received_lines|records_refused|dropped_lines") == sent,
            "all to be counted",
        )
    server.stop()
    # Some send an empty line.
    stored = {message for message in server.messages() if message}
    assert stored == ({b"(masked)"} if option[0] == "--mask" else set())
