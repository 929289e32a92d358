"""Tests for the limits of streams of NATS."""

import re

import pytest

from logsrv.errors import ConfigurationError
from logsrv.linelog.formats.nats.limits import (
    MAX_BYTES,
    StreamLimits,
    is_emptied,
    limits_of_query,
    limits_of_stream,
)
from logsrv.linelog.ship.address import parse_ship_url
from logsrv.linelog.ship.targets.target_plugin import TargetSettings

URL = "nats://n1.example.net/LOGS"


def of_url(text: str) -> StreamLimits:
    url = parse_ship_url(text)
    url.plugin.check_settings(TargetSettings(name="x", url=url, store="x"))
    return limits_of_query(url.query_parameters, url.loggable_url)


@pytest.mark.parametrize(
    ("more", "size", "seconds", "drops_oldest"),
    [
        ("", MAX_BYTES, 0, False),
        ("?max-bytes=64MiB", 64 << 20, 0, False),
        ("?max-bytes=1TiB", 1 << 40, 0, False),
        ("?max-age=7d", MAX_BYTES, 7 * 86400, False),
        ("?max-age=90", MAX_BYTES, 90, False),
        ("?discard=old", MAX_BYTES, 0, True),
        ("?discard=new", MAX_BYTES, 0, False),
        ("?user=edge&api=JS.API&max-bytes=8MiB&max-age=36h&discard=old", 8 << 20, 36 * 3600, True),
    ],
)
def test_the_url_names_the_limits_of_a_new_stream(more, size, seconds, drops_oldest):
    found = of_url(URL + more)
    assert (found.bytes, found.nanoseconds) == (size, seconds * 10**9)
    assert (found.drops_oldest, found.is_default_size) == (drops_oldest, "max-bytes" not in more)
    assert is_emptied(found.settings()) is not drops_oldest


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ("?max-bytes=10GB", "did you mean 10GiB"),
        ("?max-bytes=0", "less than one byte"),
        ("?max-bytes=-1", "max-bytes= is a number of bytes"),
        ("?max-bytes=1MiB", "is at least 4.0 MiB"),
        ("?max-bytes=", "max-bytes= is a number of bytes"),
        ("?max-age=week", "max-age= is a number of seconds"),
        ("?max-age=10ms", "is at least a second"),
        ("?max-age=999999999999d", "no more than 290 years"),
        ("?discard=oldest", "discard= is new or old"),
        ("?max_bytes=10GiB", "did you mean max-bytes"),
        ("?token=geheim", "only user, api, max-bytes, max-age or discard may stand"),
    ],
)
def test_a_wrong_limit_is_refused_with_a_sentence(more, why):
    with pytest.raises(ConfigurationError, match=why) as refused:
        of_url(URL + more)
    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize(
    ("config", "used", "consumers", "said"),
    [
        ({"max_bytes": -1, "max_age": 0}, 5, 1, "LOGS has no limits.*nats stream edit LOGS"),
        ({}, 0, 0, "LOGS has no limits"),
        ({"discard": "new"}, 0, 0, "LOGS has no limits"),
        ({"max_bytes": 100, "discard": "new"}, 79, 1, ""),
        ({"max_bytes": 100, "discard": "new"}, 80, 1, "more than 80% of its 100 bytes.*wait here$"),
        ({"max_bytes": 100, "discard": "new"}, 99, 0, "wait here; no centre fetches from it"),
        ({"max_bytes": 100, "discard": "old"}, 99, 0, ""),
        ({"max_age": 10**9}, 99, 0, ""),
        ({"max_msgs": 7}, 99, 0, ""),
        ({"max_msgs_per_subject": 7}, 99, 0, ""),
        # No limit of bytes is never nearly reached.
        ({"max_age": 10**15, "discard": "new"}, 10**12, 1, ""),
        ({"max_bytes": "much", "max_age": 1.5, "discard": 3}, 0, 0, "LOGS has no limits"),
    ],
)
def test_a_warning_comes_before_a_stream_is_full(config, used, consumers, said):
    found = limits_of_stream(config, {"bytes": used, "consumer_count": consumers})
    warning = found.warning("LOGS")
    assert re.search(said or "^$", warning), warning


def test_the_promise_says_what_happens_at_the_limit():
    assert StreamLimits(1 << 30).promise == "when it has 1.0 GiB, lines wait here"
    old = StreamLimits(1 << 30, 7 * 86400 * 10**9, drops_oldest=True)
    assert old.promise == "above 1.0 GiB or 7d it drops the oldest, fetched or not"
    assert StreamLimits(0, drops_oldest=True).promise == ""


def test_a_short_age_has_a_window_that_the_server_takes():
    assert StreamLimits(nanoseconds=10**9).settings()["duplicate_window"] == 10**9
    assert StreamLimits(nanoseconds=10**15).settings()["duplicate_window"] == 120 * 10**9


@pytest.mark.parametrize(
    ("config", "emptied"),
    [
        ({"discard": "new", "description": "emptied by logsrv: …"}, True),
        ({"discard": "old", "description": "emptied by logsrv: …"}, False),
        ({"discard": "new"}, False),
        ({"discard": "new", "description": "of the accounts"}, False),
        ({"description": 3, "discard": "new"}, False),
    ],
)
def test_only_a_stream_with_the_mark_is_emptied(config, emptied):
    assert is_emptied(config) is emptied
