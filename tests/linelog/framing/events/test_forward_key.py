"""The handshake of the Forward protocol, with the digests as a client makes them."""

from hashlib import sha512
from typing import Any

import msgpack
import pytest

from logsrv.linelog.framing.events.forward_key import answer_ping, helo_message

NONCE = b"\0\xff" * 8


def ping(key: str = "secret", **other: Any) -> bytes:
    nonce = other.get("nonce", NONCE)
    digest = sha512(b"salt" + b"host" + nonce + key.encode()).hexdigest()
    return bytes(msgpack.packb(["PING", "host", other.get("salt", b"salt"), digest, "", ""]))


def test_helo_has_the_nonce_and_keepalive():
    name, options = msgpack.unpackb(helo_message(NONCE))
    assert (name, options["nonce"], options["keepalive"]) == ("HELO", NONCE, True)


def test_a_client_with_the_key_is_let_in_and_sees_our_proof():
    answer, why = answer_ping(ping(), "secret", NONCE)
    expected = sha512(b"salt" + b"logsrv" + NONCE + b"secret").hexdigest()
    assert (msgpack.unpackb(answer), why) == (["PONG", True, "", "logsrv", expected], "")


@pytest.mark.parametrize("wrong", [ping("Secret"), ping(nonce=b"other"), ping(salt=b"pepper")])
def test_a_client_without_the_key_is_told_so(wrong):
    answer, why = answer_ping(wrong, "secret", NONCE)
    assert msgpack.unpackb(answer)[:3] == ["PONG", False, "shared key mismatch"]
    assert why == "it does not have the shared key"


@pytest.mark.parametrize(
    "value",
    [
        ["t", 1, {}],
        ["PING", "a"],
        ["PING", 1, 2, 3, 4, 5],
        7,
        {b"": {}},
        ["PONG", "", "", "", "", ""],
    ],
)
def test_a_value_other_than_a_ping_is_refused_without_an_answer(value):
    answer, why = answer_ping(msgpack.packb(value), "secret", NONCE)
    assert answer == b"" and why
