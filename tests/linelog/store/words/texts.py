"""Texts with words, numbers and times, whole or cut."""

from hypothesis import strategies as st

from tests.parts.disks import STAMP

TIMES = st.sampled_from([STAMP, STAMP[:27], b"2026-11-20T06:18:42.12345xZ ", b"x" + STAMP])
PIECES = st.one_of(
    st.binary(max_size=12),
    st.text("abcdefgz_AZ0189.:{`-", max_size=30).map(str.encode),
    TIMES,
    st.just(b"\n"),
)


TEXTS = st.lists(PIECES, max_size=20).map(b"".join)
