"""The twistd child: what it says is shown when something waited for does not come, and how long that is."""

import re

import pytest

from logsrv.kit.testing import TelnetSession, TwistdProcess, wait_until
from logsrv.kit.testing.patience import patience


@pytest.mark.slow
def test_a_child_starts_serves_and_stops(tmp_path):
    with TwistdProcess(
        "greet", "--listen", "tcp:0:interface=127.0.0.1", directory=tmp_path
    ) as server:
        with TelnetSession(server.port()) as session:
            session.expect("Thank you for connecting")
        assert server.wait_for_log(r"greet is (\w+)")[1] == "ready"
        assert server.stop() in (0, -15)


@pytest.mark.slow
def test_a_child_that_ends_is_not_waited_for(tmp_path):
    """The error has what the child said, at once and not after a deadline."""
    process = TwistdProcess("greet", "--no-such-option", directory=tmp_path)
    with pytest.raises(AssertionError, match=r"ended with status 1 before[\s\S]*no-such-option"):
        process.start().ready()


def test_waiting_in_vain_says_for_what():
    with pytest.raises(AssertionError, match=r"waited 0\.01 s in vain for the moon"):
        wait_until(lambda: None, "the moon", 0.01)


def test_ports_are_found_for_each_kind_of_listener(tmp_path):
    """In the order of the listeners; what has no port is left out."""
    process = TwistdProcess("logsrv", directory=tmp_path)
    process.log_path.write_text(
        "2026-11-22T13:36:27.412+00:00 office: listening for syslog on tcp 127.0.0.1:5514\n"
        "2026-11-22T13:36:27.412+00:00 listening on udp [::]:514\n"
        "2026-11-22T13:36:27.412+00:00 listening for lines on unix /run/log:9\n"
        "2026-11-22T13:36:27.412+00:00 listening for lines on proxied tls 0.0.0.0:6514\n"
        "2026-11-22T13:36:27.412+00:00 page and API at http://127.0.0.1:8080/\n"
        "2026-11-22T13:36:27.412+00:00 metrics at https://[::1]:9100/metrics\n"
        "2026-11-22T13:36:27.412+00:00 logsrv is ready\n"
    )
    assert process.ports() == [5514, 514, 6514, 8080, 9100]


@pytest.mark.parametrize(
    ("said", "seconds"), [({}, 60), ({"PATIENCE": "10"}, 600), ({"PATIENCE": ".5"}, 30)]
)
def test_patience_is_minutes(said, seconds):
    assert patience(said) == seconds


@pytest.mark.parametrize("wrong", ["", "long", "0", "-1", "nan", "inf"])
def test_a_wrong_patience_is_refused_by_its_name(wrong):
    with pytest.raises(ValueError, match=rf"^PATIENCE={re.escape(wrong)} must be a number above 0"):
        patience({"PATIENCE": wrong})
