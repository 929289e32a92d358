"""Tests for the places of streams that a centre fetches from."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.inputs.nats.place import StreamPlace, parse_place


def test_servers_stream_and_part_are_read() -> None:
    place = parse_place("n1.example.net,10.0.0.2:5000,[::1]:4333/LOGS:part=2/3")
    assert place.servers == (("n1.example.net", 4222), ("10.0.0.2", 5000), ("::1", 4333))
    assert (place.stream, place.part, place.parts) == ("LOGS", 2, 3)
    assert (place.encrypts, place.passes_holes) == (False, False)


def test_the_rest_is_read() -> None:
    place = parse_place(
        "n1/LOGS:ca=/etc/ca.pem:cert=/etc/own.pem:user=centre:holes=pass:creds=/etc/c\\:1.creds"
    )
    assert (place.encrypts, place.passes_holes, place.user) == (True, True, "centre")
    assert (place.ca, place.certificate) == (Path("/etc/ca.pem"), Path("/etc/own.pem"))
    assert place.creds == Path("/etc/c:1.creds")
    assert parse_place("n1/LOGS:tls=yes").encrypts


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("n1:4222", "names no stream, such as nats:n1"),
        ("n1/LO GS", "names no stream"),
        ("n1:0/LOGS", "is no server"),
        ("/LOGS", "is no server"),
        ("n1:x/LOGS", "is no server"),
        ("me:geheim@n1/LOGS", "is no server"),
        ("n1/LOGS:part=0/3", "part= is a part"),
        ("n1/LOGS:part=4/3", "part= is a part"),
        ("n1/LOGS:parts=1/3", "may be there once"),
        ("n1/LOGS:part=1/3:part=2/3", "may be there once"),
        ("n1/LOGS:ca=ca.pem", "takes a whole path"),
        ("n1/LOGS:key=/k.pem", "the key of a cert=, which is missing"),
        ("n1/LOGS:holes=yes", "holes= is refuse or pass"),
        ("n1/LOGS:tls=no", "tls= is yes"),
    ],
)
def test_a_wrong_place_is_refused_with_a_sentence(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_place(text)


@given(st.binary(min_size=16, max_size=16), st.integers(1, 20))
def test_each_store_is_of_one_part(identity: bytes, parts: int) -> None:
    taking = [
        part
        for part in range(1, parts + 1)
        if StreamPlace((), "LOGS", part, parts).takes(identity.hex())
    ]
    assert len(taking) == 1


@given(st.text())
def test_any_text_is_a_place_or_refused(text: str) -> None:
    with suppress(ValueError):
        parse_place(text)
