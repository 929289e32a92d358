"""Tests for the addresses of streams that a centre fetches from."""

from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.formats.nats.stream_source import (
    StreamSource,
    adapted_headers,
    parse_stream_source,
    passed_hole,
)
from logsrv.linelog.intake.blocks.body import BlockDecision, decide_about
from logsrv.linelog.store.packed_block import block_from_headers
from logsrv.linelog.store.segment import Position
from tests.parts.blocks import block_of


def test_servers_stream_and_part_are_read():
    source = parse_stream_source("n1.example.net,10.0.0.2:5000,[::1]:4333/LOGS:part=2/3")
    assert source.servers == (("n1.example.net", 4222), ("10.0.0.2", 5000), ("::1", 4333))
    assert (source.stream, source.part, source.parts) == ("LOGS", 2, 3)
    assert (source.encrypts, source.passes_holes) == (False, False)


def test_tls_files_user_and_credentials_of_a_place_are_read():
    source = parse_stream_source(
        "n1/LOGS:ca=/etc/ca.pem:cert=/etc/own.pem:user=centre:holes=pass:creds=/etc/c\\:1.creds"
    )
    assert (source.encrypts, source.passes_holes, source.user) == (True, True, "centre")
    assert (source.ca, source.certificate) == (Path("/etc/ca.pem"), Path("/etc/own.pem"))
    assert source.creds == Path("/etc/c:1.creds")
    assert parse_stream_source("n1/LOGS:tls=yes").encrypts


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("n1:4222", "names no stream, such as nats:n1"),
        ("n1/LO GS", "names no stream"),
        ("n1:0/LOGS", "is not a server"),
        ("/LOGS", "is not a server"),
        ("n1:x/LOGS", "is not a server"),
        ("me:geheim@n1/LOGS", "is not a server"),
        ("n1/LOGS:part=0/3", "part= has to be a part"),
        ("n1/LOGS:part=4/3", "part= has to be a part"),
        ("n1/LOGS:parts=1/3", "may be there once"),
        ("n1/LOGS:part=1/3:part=2/3", "may be there once"),
        ("n1/LOGS:ca=ca.pem", "takes a whole path"),
        ("n1/LOGS:key=/k.pem", "the key of a cert=, which is missing"),
        ("n1/LOGS:holes=yes", "holes= has to be refuse or pass"),
        ("n1/LOGS:tls=no", "tls= is yes"),
    ],
)
def test_a_wrong_place_is_refused_with_a_sentence(text, why):
    with pytest.raises(ValueError, match=why):
        parse_stream_source(text)


@given(st.binary(min_size=16, max_size=16), st.integers(1, 20))
def test_each_store_is_of_one_part(identity, parts):
    taking = [
        part
        for part in range(1, parts + 1)
        if StreamSource((), "LOGS", part, parts).includes_store(identity.hex())
    ]
    assert len(taking) == 1


STORE = 32 * "a"
BLOCK = block_of(STORE, b"x\n" * 50, Position(3, 100), Position(3, 100))
FIRST = block_of(STORE, b"x\n" * 50, Position(3, 100), None)


def what(
    headers: dict[str, str], end: Position | None, *, passes_holes: bool = False
) -> tuple[BlockDecision, str]:
    found = block_from_headers(adapted_headers(headers, end, passes_holes=passes_holes), b"")
    return decide_about(found, end), found.gap


def test_whatever_is_there_first_begins_a_store_and_what_begins_at_its_place_follows():
    for one in BLOCK, FIRST:
        assert what(one.headers(), None) == (BlockDecision.TAKE, "")
        assert what(one.headers(), Position(3, 100)) == (BlockDecision.TAKE, "")
        assert what(one.headers(), Position(3, 200)) == (BlockDecision.FORGET, "")


@pytest.mark.parametrize(
    ("end", "gap"),
    [
        (Position(3, 50), "50"),
        (Position(3, 0), "100"),
        (Position(3, 99), "1"),
        (Position(2, 7), "unknown"),
        (Position(1, 0), "unknown"),
    ],
)
def test_a_hole_is_refused_unless_it_is_to_be_passed_over(end, gap):
    """Inside a segment its size is known."""
    for one in BLOCK, FIRST:
        assert what(one.headers(), end) == (BlockDecision.REFUSE, "")
        assert what(one.headers(), end, passes_holes=True) == (BlockDecision.TAKE, gap)


def test_a_block_that_begins_before_the_place_is_never_taken_in_part():
    for passes in False, True:
        assert (
            what(BLOCK.headers(), Position(3, 150), passes_holes=passes)[0] is BlockDecision.REFUSE
        )


def test_headers_of_nats_are_none_of_a_block():
    found = adapted_headers(
        {**BLOCK.headers(), "Nats-Expected-Stream": "LOGS"}, None, passes_holes=False
    )
    assert "Nats-Expected-Stream" not in found


def test_a_place_that_is_none_is_for_others_to_refuse():
    headers = {**BLOCK.headers(), "Logsrv-From": "nowhere"}
    assert adapted_headers(headers, Position(1, 0), passes_holes=True) == headers


@pytest.mark.parametrize(
    ("block", "end", "hole"),
    [
        (BLOCK, Position(3, 50), "3:50 to 3:100"),
        (FIRST, Position(3, 50), "3:50 to 3:100"),
        (BLOCK, Position(2, 7), "2:7 to 3:100"),
        (BLOCK, Position(1, 0), "1:0 to 3:100"),
        (FIRST, Position(3, 99), "3:99 to 3:100"),
        (BLOCK, Position(3, 100), ""),
        (FIRST, Position(3, 100), ""),
        (BLOCK, Position(3, 101), ""),
        (BLOCK, Position(4, 0), ""),
        (BLOCK, None, ""),
        (FIRST, None, ""),
        (attrs.evolve(BLOCK, after=Position(3, 20)), Position(3, 20), ""),
        (attrs.evolve(BLOCK, after=Position(3, 20), gap="80"), Position(3, 20), ""),
        (attrs.evolve(BLOCK, after=Position(3, 20), gap="80"), Position(3, 0), "3:0 to 3:100"),
    ],
)
def test_a_hole_that_is_passed_over_is_named_but_no_gap_of_the_edge(block, end, hole):
    headers = block.headers()
    assert passed_hole(headers, adapted_headers(headers, end, passes_holes=True)) == hole
    assert passed_hole(headers, adapted_headers(headers, end, passes_holes=False)) == ""
