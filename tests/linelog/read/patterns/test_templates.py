"""Templates: skeletons as people read them."""

from __future__ import annotations

import pytest

from logsrv.linelog.read.patterns.line_patterns import skeletons_of
from logsrv.linelog.read.patterns.templates import app_in_pattern, share_of, template_of_skeleton


@pytest.mark.parametrize(
    ("message", "template"),
    [
        ("took -15.25 ms, 1,000 rows", "took <n> ms, <n> rows"),
        ("from 10.0.0.7:5140 and 2001:db8::ff00:42", "from <ip>:<n> and <ip>"),
        ("from fe80::1 to 2001:0db8:85a3:0000:0000:8a2e:0370:7334", "from <ip> to <ip>"),
        ("version 1.2.3, build 1.2.3.4.5", "version <n>, build <n>"),
        ("eth0: 52:54:00:ab:cd:ef", "eth<n>: <hex>"),
        ("at 2026-11-20T06:18:42.123Z or 2026-11-20 06:18:42,5 +01:00", "at <time> or <time>"),
        ("[20/Nov/2026:06:18:42 +0000] Fri Nov 20 06:18:42 2026", "[<time>] <time> <n>"),
        ("until 06:18:42 std::vector", "until <time> std::vector"),
        ("open 'a file' isn't it, don't", "open <quoted> isn't it, don't"),
        ("[   12.5]  usb   1-2", "[<n>] usb <n>-<n>"),
        ("id 4c6fa87e-0b1d-4e55-9d3c-aaaaaaaaaaaa of Zk3jPq91xW", "id <uuid> of <*>"),
    ],
)
def test_placeholders_say_what_stood_there(message: str, template: str) -> None:
    assert [template_of_skeleton(one) for one in skeletons_of([message.encode()])] == [template]


def test_bytes_that_are_no_text_are_escaped() -> None:
    assert template_of_skeleton(b"a \xff b") == r"a \xff b"


def test_programs_that_differ_in_a_number_are_one() -> None:
    assert app_in_pattern("kworker/0:12") == "kworker/<n>:<n>"


def test_a_share_is_never_rounded_to_nothing_or_to_all() -> None:
    assert [share_of(part) for part in (1e-9, 0.25, 0.99999, 1)] == [
        *("< 0.1 %", "25.0 %", "> 99.9 %", "100.0 %"),
    ]
