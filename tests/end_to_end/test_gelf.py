"""GELF from common libraries: each message is stored as one JSON object, with its fields."""

import json
import logging
import random
from collections.abc import Callable

import graypy
import pygelf
import pytest

from tests.end_to_end.peers import texts

TCP = "gelf:tcp:0:interface=127.0.0.1"
UDP = "gelf:udp:0:interface=127.0.0.1:rcvbuf=8MiB"

Handler = Callable[[int], logging.Handler]


def incompressible(text: str) -> str:
    """Return the text with a long part that does not compress: it must be sent in chunks."""
    return text.replace("x" * 20_000, random.Random(len(text)).randbytes(10_000).hex())


@pytest.mark.parametrize(
    ("listen", "handler"),
    [
        (TCP, lambda port: graypy.GELFTCPHandler("127.0.0.1", port)),
        (TCP, lambda port: pygelf.GelfTcpHandler("127.0.0.1", port, include_extra_fields=True)),
        (UDP, lambda port: graypy.GELFUDPHandler("127.0.0.1", port)),
        (UDP, lambda port: graypy.GELFUDPHandler("127.0.0.1", port, compress=False)),
        (UDP, lambda port: pygelf.GelfUdpHandler("127.0.0.1", port, include_extra_fields=True)),
        (
            UDP,
            lambda port: pygelf.GelfUdpHandler(
                "127.0.0.1", port, include_extra_fields=True, compress=False
            ),
        ),
    ],
    ids=["graypy tcp", "pygelf tcp", "graypy", "graypy plain", "pygelf", "pygelf plain"],
)
def test_messages_of_libraries_keep_their_fields(logger, listen, handler):
    server = logger(listen=[listen])
    sender = handler(server.port())
    log = logging.Logger("test")
    log.addHandler(sender)
    sent = list(map(incompressible, texts(1000 if listen == TCP else 200)))
    for number, text in enumerate(sent):
        log.warning("%s", text, extra={"n": number, "big": 2**60 + number})
    sender.close()
    found = [json.loads(message) for message in server.wait_for_messages(len(sent))]
    assert len(found) == len(sent)
    for number, text in enumerate(sent):
        assert found[number].get("full_message", text) == text
        assert found[number]["short_message"] in (text, text.split("\n")[0])
        assert found[number]["_n"] == number and found[number]["_big"] == 2**60 + number
