"""Pickles: plain data of every protocol is read, and no byte of any other does anything."""

import datetime
import os
import pickle
import pickletools
import struct
import time
import tracemalloc
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.formats.python.plain_pickle import NotPlainError, read_plain_pickle
from tests.parts.colliding_numbers import numbers

MOST = 1_000_000
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**63, -(2**600), 10**2000])
    | st.floats(allow_nan=False)
    | st.text()
    | st.text(min_size=300, max_size=310)
    | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.lists(inner, max_size=5).map(tuple)
        | st.dictionaries(st.text() | st.integers(-1000, 1000) | st.binary(), inner, max_size=5)
    ),
)


@pytest.mark.slow
@given(VALUES, st.integers(0, 5))
def test_plain_data_of_every_protocol(value, protocol):
    # Numbers that are keys have another hash.
    assert repr(read_plain_pickle(pickle.dumps(value, protocol), MOST)) == repr(value)


def test_a_value_that_is_shared_is_read_twice():
    one = ["a"]
    assert read_plain_pickle(pickle.dumps({"a": one, "b": one}, 1), MOST) == {
        "a": ["a"],
        "b": ["a"],
    }


CALLS = {
    *("GLOBAL", "STACK_GLOBAL", "INST", "OBJ", "REDUCE", "BUILD", "NEWOBJ", "NEWOBJ_EX"),
    *("EXT1", "EXT2", "EXT4", "PERSID", "BINPERSID", "NEXT_BUFFER", "READONLY_BUFFER"),
}


class Evil:
    """An object whose pickle runs a command."""

    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call[0], self.call[1:]


class Ours:
    """An object with a state."""

    def __init__(self) -> None:
        self.a = 1


@pytest.mark.parametrize("protocol", range(6))
def test_no_pickle_calls_a_function(tmp_path, protocol):
    touched = tmp_path / "touched"
    for call in (
        (os.system, f"touch {touched}"),
        (eval, f"open({str(touched)!r}, 'w')"),
        (Path.touch, touched),
        (bytes, 1 << 40),
    ):
        for value in (Evil(*call), {"msg": Evil(*call)}, [1, {"a": (Evil(*call),)}]):
            with pytest.raises(NotPlainError):
                read_plain_pickle(pickle.dumps(value, protocol), MOST)
    assert not touched.exists()


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "value", [Ours(), Ours, datetime.date(2026, 1, 1), Path("/"), OrderedDict(a=1), len, 1j, {1, 2}]
)
def test_a_pickle_of_more_than_plain_data_is_refused(value, protocol):
    with pytest.raises(NotPlainError, match="plain data"):
        read_plain_pickle(pickle.dumps(value, protocol), MOST)


def test_no_opcode_that_looks_something_up_or_calls_it():
    """All that may are refused, wherever they stand; but for bytes as protocols below 3 write them."""
    for opcode in pickletools.opcodes:
        if opcode.name in CALLS:
            code = opcode.code.encode("latin-1")
            for before in (b"", b"(", b"}", b"(}", b"X\1\0\0\0aX\1\0\0\0b", b"N)"):
                for behind in (b"os\nsystem\n", b"\1\0\0\0", b""):
                    with pytest.raises(NotPlainError):
                        read_plain_pickle(before + code + behind + b".", MOST)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b".",
        b"(.",
        b"}",
        b"h\0.",
        b"a.",
        b"]N",
        b"K.",
        b"X\xff\xff\xff\xffabc.",
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.",
        b"\x8b\xff\xff\xff\x7f.",
        b"I12x\n.",
        b"L" + b"9" * 5000 + b"L\n.",
        b"}(Nu.",
        b"}]Ns.",
        b"c_codecs\nencode\n.",
        b"c_codecs\nencode\n)R.",
        b"(c_codecs\nencode\nX\1\0\0\0aX\5\0\0\0rot13tR.",
    ],
)
def test_a_damaged_pickle_is_refused(data):
    with pytest.raises(NotPlainError):
        read_plain_pickle(data, MOST)


@pytest.mark.slow
def test_pickle_bombs_take_little_memory():
    """Whatever they promise; what they make without bounds would never end."""
    tracemalloc.start()
    laughs = (
        b"]"
        + b"".join(
            b"q" + bytes([n]) + b"0](h" + bytes([n]) + b"h" + bytes([n]) + b"e" for n in range(250)
        )
        + b"."
    )
    itself = b"]q\0(" + b"h\0" * 10 + b"e."
    text = b"X\0\0\1\0" + b"x" * 65536 + b"q\0](" + b"h\0" * 100_000 + b"e."
    memo = b"Nr\xff\xff\xff\xff."
    with pytest.raises(NotPlainError, match="too many values or bytes"):
        read_plain_pickle(laughs, MOST)
    with pytest.raises(NotPlainError, match="too many values or bytes"):
        read_plain_pickle(itself, MOST)
    with pytest.raises(NotPlainError, match="too many values or bytes"):
        read_plain_pickle(text, MOST)
    assert read_plain_pickle(memo, MOST) is None
    deep = read_plain_pickle(b"]" * 100_000 + b"a" * 99_999 + b".", MOST)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert repr(deep).count("[") == 201
    assert peak < 32 << 20


def test_keys_that_would_make_a_dict_slow():
    """Numbers of one hash have others here, and look the same; those of values are never keys."""
    sent = {number * (2**61 - 1): number for number in range(100)}
    found = read_plain_pickle(pickle.dumps(sent, 1), MOST)
    assert repr(found) == repr(sent) and len(set(map(hash, sent))) == 1
    assert len(set(map(hash, found))) == 100
    bases = {True: 1, None: 2}
    assert read_plain_pickle(pickle.dumps(bases, 1), MOST) == bases
    with pytest.raises(NotPlainError, match="neither text nor a number"):
        read_plain_pickle(pickle.dumps({0.5: 1}, 1), MOST)


@pytest.mark.nightly
@pytest.mark.long
def test_numbers_of_values_that_would_make_a_dict_slow():
    """A pickle numbers its values as it likes."""

    def seconds(keys: Sequence[int]) -> float:
        began = time.thread_time()
        assert (
            read_plain_pickle(
                b"N" + b"".join(b"r" + struct.pack("<I", key) for key in keys) + b".", MOST
            )
            is None
        )
        return time.thread_time() - began

    chosen = numbers(2000)
    assert seconds(chosen) < 10 * seconds(range(len(chosen))) + 0.1


def test_a_few_bytes_become_no_more_values_than_they_may_cost_time():
    """Each of these is 68 bytes, would be 11,111 values, and a datagram or a step may have hundreds."""
    ten = b"(h\0" + b"2" * 9 + b"tq\0"
    bomb = b"(N" + b"2" * 9 + b"tq\0" + ten * 3 + b"."
    with pytest.raises(NotPlainError, match="too many values or bytes"):
        read_plain_pickle(bomb, MOST)


def test_text_encoded_again_and_again_takes_no_memory():
    text = b"X" + (100_000).to_bytes(4, "little") + b"a" * 100_000
    arguments = b"h\0" + b"X\x06\0\0\0latin1\x86q\1"
    bomb = b"c_codecs\nencode\nq\2" + text + b"q\0" + arguments + b"h\2h\1R" * 2000 + b"."
    tracemalloc.start()
    try:
        with pytest.raises(NotPlainError):
            read_plain_pickle(bomb, MOST)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
