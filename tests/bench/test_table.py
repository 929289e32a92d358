"""The tables: what a reader of the figures sees."""

from __future__ import annotations

import json

from bench.cases import CASES
from bench.results import Failure, Figures, IdleRun, Result, Run
from bench.table import failure_lines, markdown, plain, report
from bench.watch import Delays


def stream(server: str, number: int, seconds: float, *, stored: int = 1000) -> Run:
    return Run("tcp-1", server, number, 1000, stored, seconds, 0.1, 0.1, 0.2, 50_000_000)


RESULTS: list[Result] = [
    stream("sink", 1, 1.0),
    stream("logsrv", 1, 2.0),
    stream("sink", 2, 3.0),
    stream("logsrv", 2, 3.0),
]


def test_columns_line_up_as_plain_text() -> None:
    assert markdown(["a", "n"], [["long name", "1"], ["b", "22"]]).splitlines() == [
        "| a         |  n |",
        "| --------- | -: |",
        "| long name |  1 |",
        "| b         | 22 |",
    ]


def test_a_stream_has_rate_cpu_memory_and_ratios() -> None:
    text = report(Figures(RESULTS), CASES[:1], ["sink", "logsrv"])
    cells = [cell.strip() for cell in text.splitlines()[-1].strip("|").split("|")]
    assert cells[:2] == ["tcp-1", "logsrv"] and cells[4:7] == ["100.000", "200.000", "50"]
    assert cells[7:] == ["0.75", "–", "0"]


def test_lost_lines_are_shown_in_the_table_and_by_name() -> None:
    results = [*RESULTS, stream("logsrv", 3, 1.0, stored=990)]
    text = report(Figures(results), CASES[:1], ["logsrv"])
    assert text.rstrip(" |").endswith(" 10")
    assert failure_lines(results) == "- tcp-1, logsrv, round 3: 990 lines stored of 1,000 sent"


def test_a_run_that_failed_is_named_with_its_reason() -> None:
    assert failure_lines([Failure("udp", "rsyslog", 2, "ended with status 1")]) == (
        "- udp, rsyslog, round 2: no figure: ended with status 1"
    )


def test_every_kind_of_case_has_its_table() -> None:
    def run(case: str, target: int = 0, lost: int = 0) -> Run:
        delays = Delays((0.001, 0.002))
        return Run(
            case, "sink", 1, 1000, 1000 - lost, 1.0, 0.001, 0.1, 0.2, 9, target, delays=delays
        )

    results = [run(case.name) for case in CASES if case.name not in ("udp", "udp-separate", "idle")]
    idle = [IdleRun("idle", "sink", 1, 10, 0, 20480), IdleRun("idle", "bare", 1, 10, 0, 10240)]
    udp = [run("udp", 200_000), run("udp", 500_000, 100)]
    text = report(Figures([*results, *udp, *idle]), CASES, ["sink", "absent"])
    assert "| sink   |     2.00 |              1.00 |" in text
    assert "0.00 %" in text and "10.00 %" in text and "absent" not in text
    assert "UDP" in text and "marked lines" in text


def test_results_become_json_with_quantiles_for_delays() -> None:
    values = plain(stream("sink", 1, 0.5))
    assert json.loads(json.dumps(values))["rate"] == 2000
    assert values["delays"] == {"lines": 0, "median": 0.0, "p99": 0.0, "longest": 0.0}
