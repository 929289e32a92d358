"""The lines and the queries that every 1.x has to answer alike: golden.py imports the lines, and asks.

A line has its own time, so the answers are the same on each day. The lines have what a query can ask for:
missing, empty, equal and large values, lists, units, several formats, levels, records, two days.
"""

from __future__ import annotations

from collections.abc import Iterator

DAYS = ("20", "21")
LARGE = 2**53
"""From here on a float no longer tells two integers apart."""


def corpus() -> Iterator[str]:
    """Yield the lines of a file, in the order of their times."""
    for day in DAYS:
        for number in range(12):
            yield _order(day, number)
        yield from _others(day)


def _order(day: str, number: int) -> str:
    """Return a line in JSON, of a kind of its own."""
    level = ("info", "warn", "error", "debug")[number % 4]
    user = ("ann", "Ann", "bob b", "")[number % 4]
    taken = 120 + 17 * number + (40 if day == "21" else 0)
    members = [
        f'"time": "2026-11-{day}T06:{5 * number:02}:00Z", "level": "{level}", "app": "shop"',
        f'"id": {LARGE + number}, "ms": {taken}, "status": {200 + 100 * (number % 4)}',
        f'"message": "Order {number} took {taken} ms{": timeout" if number % 3 == 0 else ""}"',
    ]
    if number % 5:
        members.append(f'"user": "{user}"')
    extra = {
        1: '"tags": ["a", "b"], "http": {"status": 504}',
        2: f'"amount": {LARGE}.5, "Request Path": "/login"',
        3: '"tags": ["a"], "note": "", "star": "*", "none": null, "empty": []',
        4: '"size_kb": 3, "took": 1.5, "count": "5e2"',
    }
    if number in extra:
        members.append(extra[number])
    return "{" + ", ".join(members) + "}"


def _others(day: str) -> Iterator[str]:
    """Yield lines of other formats, one of them with a stack trace."""
    date = f"2026-11-{day}"
    bank = f"{date}T07:{{}}:00Z level={{}} app=bank"
    yield f'{bank.format("00", "warn")} took=12ms size=3KiB user="bob b" msg="slow query"'
    yield f'{bank.format("05", "info")} took=2s size=900B user=ann msg="a \\"quoted\\" word"'
    yield f'{bank.format("10", "crit")} took=1m30s size=2MB msg="connection reset by peer"'
    yield f'{{"time": "{date}T07:15:00Z", "level": "notice", "app": "bank", "größe": 5}}'
    head = f"1 {date}T08:00:0{{}}Z web{{}} nginx 42 - - upstream {{}}"
    yield f"<11>{head.format(0, 1, 'timeout')}"
    yield f"<14>{head.format(1, 2, 'is back')}"
    yield f"<10>{head.format(2, 1, 'login timeout')}"
    access = f"- ann [{day}/Nov/2026:09:00:0{{}} +0000] {{}}"
    yield "10.0.0.1 " + access.format(0, '"GET /cart?q=1 HTTP/1.1" 503 12 "-" "curl/8"')
    yield "10.0.0.2 " + access.format(1, '"POST /login HTTP/1.1" 404 2048 "-" "curl/8"')
    yield "10.0.0.1 " + access.format(2, '"GET / HTTP/1.1" 200 1048576 "-" "curl/8" rt=0.25')
    yield f"{date} 10:00:00 ERROR FooError in order 77"
    yield "Traceback (most recent call last):"
    yield '  File "shop.py", line 7, in buy'
    yield "FooError: no such cart"
    yield f'{date} 11:00:00 INFO she said "hello, world" OR left; 100% of [x]'
    yield f"{date} 11:00:01 INFO a login, no Order"


LINES = (
    # words
    "order",
    "Order",
    '"connection reset"',
    '"said \\"hello, world\\" OR"',
    "order timeout",
    "order AND timeout",
    "order OR reset",
    "login OR timeout OR reset",
    "timeout NOT login",
    "timeout -login",
    "NOT timeout",
    "(order OR reset) -timeout",
    "NOT (order OR reset OR login)",
    "/order \\d+/",
    "/(?-i)order \\d+/",
    "/^\\{.*timeout/ OR /100% of \\[x\\]/",
    # fields: there, missing, equal, unequal
    "user=*",
    "NOT user=*",
    "user=ann",
    "user!=ann",
    "NOT user=ann",
    'user=""',
    'user="bob b"',
    'user in ("bob b", ann)',
    "status in (500, 503)",
    "NOT status in (200, 500)",
    'star="*"',
    'note=""',
    "none=* OR empty=*",
    "tags=b",
    "tags!=a",
    "http.status=504",
    "`Request Path`=/login",
    "größe=5",
    "app:ho",
    "app~/^(ba|ngi)/",
    "path~/^\\/cart/",
    "message:Timeout",
    "hostname=web1",
    "status_class=5xx",
    # comparisons, of missing fields too
    "status>=500",
    "status<500",
    "NOT status>=500",
    "status!=200",
    "nowhere<5",
    "nowhere!=5",
    "NOT nowhere=5",
    "nowhere~/./ OR nowhere:x OR nowhere in (5, x)",
    f"id={LARGE + 1}",
    f"id>{LARGE + 1} id<={LARGE + 3}",
    f"id!={LARGE + 1}",
    f"amount>{LARGE}.4 amount<{LARGE}.6",
    "count=500",
    "took>=1500ms",
    "took=2000ms",
    "took<1s",
    "size>1KiB",
    "size_kb>2KiB",
    # levels
    "level>=error",
    "level=warning",
    "level!=info",
    "NOT level>=warning",
    "level=*",
    "level in (crit, debug)",
    "severity=err",
    "level>=error FooError",
)
"""Queries for lines: all lines that each finds are recorded, as text."""
STAGES = (
    "status=* | sort ms | limit 3",
    "| sort ms asc | limit 2",
    "| sort time | limit 2",
    "timeout | sample 100",
    '| extract "took <ms> ms" | where ms>300 | sort ms',
    "| extract /took (?P<t>\\d+)/ | avg t, sum t by level",
    "/took (?P<t>\\d+)/ | max t",
    "| count by level",
    "| count by app,status",
    "| count by hostname | sort count asc",
    "| count, sum ms, avg ms, min ms, max ms, p50 ms, p95 ms, p99 ms by app",
    "| avg took, sum size, max bytes, p50 rt by app",
    "| count_distinct user, first user, last user by app",
    "| min time, max time by app",
    "| count by app | where count > 4 | sort count | limit 2",
    "| count every 1h by app",
    "| count every 1d",
    "| count, avg ms every 1mo",
    "| rate 1m by app",
    "| rate every 1d",
    "| count, count if (level>=error) as errors by app | let share = errors / count | where share > 5%",
    "| sum ms as total, count by app | let each = total / count | sort each",
    "| sum nowhere by app",
    "| patterns",
    "timeout | patterns by app",
)
"""Queries whose last stage makes another answer: recorded in JSON."""
JSON = ("--output", "json")
RANGES = (
    ("--since", "2026-11-21", "--until", "2026-11-22", "-c"),
    ("--since", "2026-11-20T06:10:00Z", "--until", "2026-11-20T06:20:00Z", "--output", "raw"),
    ("--since", "2026-11-21 11:00", "--output", "raw", "order"),
    ("--until", "@1795155522", "-c", "NOT level>=error"),
    ("--since", "2026-11-21", "--until", "2026-11-22", *JSON, "| count, avg ms by app compare 1d"),
    ("--since", "2026-11-20", "--until", "2026-11-22", *JSON, "| count every auto"),
    ("--since", "2026-11-20", "--until", "2026-11-22", *JSON, "| rate 1h, count by app"),
    ("-n", "3", *JSON),
    ("-n", "2", *JSON, "--reverse", "status=*"),
    ("-C", "1", "--output", "raw", "FooError cart"),
    ("--records", "--output", "raw", "FooError cart"),
    ("--top", "user", *JSON),
    ("--histogram", *JSON),
)
"""Words of a command, for all else that chooses lines."""
WRONG = ("status>=", "(order", "/(/", "| nostage", "| sort", "| count by app | let x = y / 2")
"""Queries that are refused, with status 2."""


def commands(store: str) -> Iterator[list[str]]:
    """Yield the words of each command of logsrv, for a store of these lines."""
    search = ["search", "--utc", "-d", store]
    # The second day has the same lines again.
    yield from ([*search, "--until", "2026-11-21", "--output", "raw", one] for one in LINES)
    yield from ([*search, *JSON, one] for one in STAGES)
    yield from ([*search, *words] for words in RANGES)
    yield from ([*search, one] for one in WRONG)
