"""The bars: when one is met, when not, and when nobody measured it."""

from __future__ import annotations

from bench.bars import Verdict, at_least, verdicts
from bench.results import Figures, IdleRun, Result, Run


def run(case: str, server: str, seconds: float, **other: int) -> Run:
    return Run(
        case=case,
        server=server,
        round=1,
        sent=1000,
        stored=1000 - other.get("lost", 0),
        seconds=seconds,
        sending=0.5,
        user=seconds,
        system=0.0,
        peak=100_000_000,
        target=other.get("target", 0),
    )


def found(results: list[Result], bar: str) -> Verdict:
    [verdict] = [v for v in verdicts(Figures(results)) if v.bar.startswith(bar)]
    return verdict


def test_without_figures_nothing_is_met() -> None:
    assert {verdict.met for verdict in verdicts(Figures([]))} == {None}


def test_throughput_is_compared_with_the_sink() -> None:
    bar = "tcp-1: at least 0.9 of the throughput of sink"
    fast = found([run("tcp-1", "sink", 1.0), run("tcp-1", "logsrv", 1.1)], bar)
    slow = found([run("tcp-1", "sink", 1.0), run("tcp-1", "logsrv", 1.2)], bar)
    assert (fast.met, fast.measured, slow.met) == (True, "0.91", False)


def test_cpu_time_is_compared_with_rsyslog() -> None:
    bar = "tcp-8: at most 0.25 of the CPU time per line of rsyslog"
    assert found([run("tcp-8", "rsyslog", 4.0), run("tcp-8", "logsrv", 1.0)], bar).met
    assert not found([run("tcp-8", "rsyslog", 3.0), run("tcp-8", "logsrv", 1.0)], bar).met


def test_one_lost_datagram_is_too_many() -> None:
    bar = "udp (bursts, see README): nothing lost"
    assert found([run("udp", "logsrv", 1.0, target=500_000)], bar).met
    lossy = found([run("udp", "logsrv", 1.0, target=500_000, lost=1)], bar)
    assert (lossy.met, lossy.measured) == (False, "1 of 1,000 lost")


def test_lines_missing_from_a_stream_are_never_met() -> None:
    assert found([run("tcp-20B", "logsrv", 1.0)], "streams:").met
    assert not found([run("tcp-20B", "logsrv", 1.0, lost=-1)], "streams:").met


def test_an_idle_connection_has_a_price() -> None:
    bar = "idle: a connection costs at most 1.8 KiB"
    assert found([IdleRun("idle", "logsrv", 1, 1000, 0, 1_840_000)], bar).met
    assert not found([IdleRun("idle", "logsrv", 1, 1000, 0, 1_850_000)], bar).met


def test_tls_is_compared_with_rsyslog() -> None:
    bar = "tls-8: at least 1.5 of the throughput of rsyslog"
    assert found([run("tls-8", "rsyslog", 1.5), run("tls-8", "logsrv", 1.0)], bar).met
    assert not found([run("tls-8", "rsyslog", 1.4), run("tls-8", "logsrv", 1.0)], bar).met


def test_a_bar_of_two_protocols() -> None:
    bar = "FrameProtocol: at least 1.5 times as fast as Int32StringReceiver, by CPU time"
    assert at_least(1.5, "FrameProtocol", "Int32StringReceiver", 1.62) == Verdict(bar, "1.62", True)
    assert at_least(1.5, "FrameProtocol", "Int32StringReceiver", 1.49).met is False
