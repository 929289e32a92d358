"""Times as text: every digit that was sent, and none that was not."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.framing.bodies.times import nanoseconds_as_rfc3339, seconds_as_rfc3339


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_700_000_000, "2023-11-14T22:13:20Z"),
        (1_700_000_000.5, "2023-11-14T22:13:20.5Z"),
        (1_700_000_000.0, "2023-11-14T22:13:20.0Z"),
        (1_700_000_000.1234567, "2023-11-14T22:13:20.1234567Z"),
        (-0.25, "1969-12-31T23:59:59.75Z"),
        (1e-7, "1970-01-01T00:00:00.0000001Z"),
        (-62135596800, "0001-01-01T00:00:00Z"),
        (2**63, None),
        (-(2**63), None),
        (1e300, None),
        (float("nan"), None),
        (float("-inf"), None),
    ],
)
def test_seconds_become_rfc3339_text(seconds, text):
    assert seconds_as_rfc3339(seconds) == text


def test_nanoseconds_become_text_with_nine_digits():
    assert nanoseconds_as_rfc3339(1_700_000_000, 1) == "2023-11-14T22:13:20.000000001Z"
    assert nanoseconds_as_rfc3339(1_700_000_000, 2_000_000_003) == "2023-11-14T22:13:22.000000003Z"
    assert nanoseconds_as_rfc3339(2**62, 0) is None


@given(st.integers(-(10**10), 10**11), st.integers(0, 10**9 - 1))
def test_python_reads_the_text_of_a_time_back(seconds, nanoseconds):
    text = nanoseconds_as_rfc3339(seconds, nanoseconds)
    assert text is not None
    read = datetime.fromisoformat(text)
    after = timedelta(seconds=seconds, microseconds=nanoseconds // 1000)
    assert read == datetime(1970, 1, 1, tzinfo=UTC) + after
