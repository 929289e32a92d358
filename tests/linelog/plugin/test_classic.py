"""--classic-syslog: three places with one flag, and the options that all listeners have."""

import socket
from pathlib import Path

from twisted.logger import capturedLogs

from logsrv.linelog.plugin.logger_settings import LoggerSettings
from logsrv.linelog.plugin.service import DEV_LOG, PORTS, ClassicSyslogListeners, Options


def settings(*words: str) -> LoggerSettings:
    options = Options()
    options.parseOptions(words)
    return options.settings


def places(directory: Path) -> ClassicSyslogListeners:
    return ClassicSyslogListeners(dev_log=DEV_LOG.replace("/dev/log", f"{directory}/log"))


def test_without_classic_syslog_there_are_no_classic_listeners(tmp_path):
    assert places(tmp_path).listener_settings(settings()) == []


def test_classic_syslog_has_three_listeners_with_the_shared_options(tmp_path):
    found = places(tmp_path).listener_settings(
        settings("--classic-syslog", "--max-line", "1KiB", "--allow", "10.0.0.0/8")
    )
    assert [str(one.listen) for one in found] == [
        *PORTS,
        f"syslog:unixgram:{tmp_path}/log:mode=666",
    ]
    for one in found:
        assert one.listen.input == "syslog"
        assert (one.max_line, [str(network) for network in one.allow]) == (1024, ["10.0.0.0/8"])


def test_a_socket_that_another_program_has_is_left_alone(tmp_path):
    """And is not taken at a reload either; nor is one given up that is ours."""
    asked = settings("--classic-syslog")
    ours, theirs = places(tmp_path), places(tmp_path)
    assert len(ours.listener_settings(asked)) == 3
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(f"{tmp_path}/log")
        with capturedLogs() as events:
            assert [str(one.listen) for one in theirs.listener_settings(asked)] == list(PORTS)
        assert "another program listens" in events[0]["why"]
        assert len(ours.listener_settings(asked)) == 3
    assert len(theirs.listener_settings(asked)) == 2


def test_the_link_of_journald_is_left_alone(tmp_path):
    (tmp_path / "log").symlink_to("/run/systemd/journal/dev-log")
    assert len(places(tmp_path).listener_settings(settings("--classic-syslog"))) == 2
