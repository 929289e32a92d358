"""Bodies that came compressed: whole, and never more than is allowed."""

import gzip
import zlib
from collections.abc import Callable

import attrs
import pytest
import zstandard

from logsrv.linelog.intake.over_http.parse import coding_to_undo, unpacked_body
from logsrv.linelog.lines.bodies import BodyRules, RequestRefused, TooLargeHereError


def bare(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "bare deflate": bare,
    "zstd": zstandard.compress,
}


def rules(how: str, most: int = 1 << 20) -> BodyRules:
    return BodyRules("", "", 1 << 20, max_body=most, coding=how.split()[-1])


@pytest.mark.parametrize("how", PACK)
def test_exactly_as_much_as_is_allowed_is_unpacked(how):
    size = 256 << 10
    assert unpacked_body(PACK[how](bytes(size)), rules(how, size)) == bytes(size)
    with pytest.raises(RequestRefused) as refused:
        unpacked_body(PACK[how](bytes(size + 1)), rules(how, size))
    assert refused.value.status == 413 and f"{size} bytes" in str(refused.value)
    with pytest.raises(TooLargeHereError):
        unpacked_body(PACK[how](bytes(size)), attrs.evolve(rules(how, size), here=True))


@pytest.mark.parametrize("how", ["gzip", "deflate", "zstd"])
def test_a_body_cut_off_or_broken_is_refused(how):
    packed = PACK[how](b"a line\n" * 1000)
    for broken in (packed[:-1], packed[:-9], b"no " + packed, packed + b"more of it"):
        with pytest.raises(RequestRefused) as refused:
            unpacked_body(broken, rules(how))
        assert refused.value.status == 400


def test_gzip_and_identity_are_known_and_others_refused_with_415():
    assert [coding_to_undo(one) for one in (None, "", " GZIP ", "identity")] == [
        "", "", "gzip", "",
    ]  # fmt: skip
    with pytest.raises(RequestRefused) as refused:
        coding_to_undo("br")
    assert refused.value.status == 415
