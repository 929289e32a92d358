"""The parts of the logger put together, without a daemon around them."""

import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.threads import deferToThread
from twisted.logger import capturedLogs, formatEvent

import logsrv
from logsrv.errors import ConfigurationError, StartError
from logsrv.kit.observe.metrics import Metrics, MetricsPart
from logsrv.kit.service.sites import SiteSpec
from logsrv.linelog.alerts.alerts import Alerts
from logsrv.linelog.plugin.logger_settings import LoggerSettings
from logsrv.linelog.plugin.monitoring import METRICS, log_interpreter_fault
from logsrv.linelog.plugin.service import (
    LoggerService,
    Options,
    makeService,
    require_interpreter_lock,
)
from tests.parts.logger_services import service, settings
from tests.parts.reactor import REACTOR, logged, until


def send(path: Path, data: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(data)


async def test_a_line_from_a_socket_to_the_file_and_its_counters(tmp_path):
    logger = service("--listen", f"unix:{tmp_path}/s", "--directory", f"{tmp_path}/store")
    logger.startService()
    await deferToThread(send, tmp_path / "s", b"hello\r\nworld")
    current = tmp_path / "store" / "current.log"
    await until(lambda: current.read_bytes().count(b"\n") == 2, "two lines")
    await logger.stopService()
    assert [line.split(b" ", 2)[2] for line in current.read_bytes().splitlines()] == [
        b"hello", b"world",
    ]  # fmt: skip
    assert logger.metrics.value("received_bytes_total") == 12
    assert logger.metrics.value("connections_total") == 1
    assert logger.metrics.value("stored_bytes_total") == current.stat().st_size


async def test_the_others_are_there_without_a_listener_whose_plugin_is_broken(
    broken_plugin, tmp_path
):
    """Said at the start and at each reload, in one line with the place of the mistake."""
    store = ("--directory", f"{tmp_path}/store")
    logger = service("--listen", f"unix:{tmp_path}/s", "--listen", "records:tcp:7000", *store)
    with capturedLogs() as events:
        logger.startService()
    [said] = [line for line in map(formatEvent, events) if line and "left out" in line]
    assert said == (
        "records:tcp:7000 is left out, as a plugin cannot be loaded; mend it, then restart: "
        f"{broken_plugin}: ModuleNotFoundError: No module named 'nothing_there' ({broken_plugin}:1)"
    )
    assert logger.addresses == [f"{tmp_path}/s"]
    assert logger.status().endswith(", records:tcp:7000 is left out")
    with capturedLogs() as events:
        logger.reload()
        await until(lambda: any("left out" in (formatEvent(each) or "") for each in events), "said")
    await logger.stopService()


async def test_a_listener_taken_away_is_forgotten_but_not_what_it_counted(tmp_path):
    """Stream and datagram listeners alike; the valve no longer holds the latter."""
    store = ("--directory", f"{tmp_path}/store")
    first = ["--listen", f"unix:{tmp_path}/s", "--listen", f"unixgram:{tmp_path}/d", *store]
    second = ["--listen", f"unix:{tmp_path}/new", *store]
    wanted = [first]
    logger = LoggerService(settings(*first), load=lambda: settings(*wanted[-1]), reactor=REACTOR)
    logger.startService()
    await deferToThread(send, tmp_path / "s", b"x\n")
    await until(lambda: logger.metrics.value("connections_total") == 1, "the connection")
    wanted.append(second)
    logger.reload()
    await until(
        lambda: not ((tmp_path / "s").exists() or (tmp_path / "d").exists()),
        "the old listeners' end",
    )
    assert not (tmp_path / "s").exists() and (tmp_path / "new").exists()
    assert logger.metrics.value("connections_total") == 1
    await logger.stopService()


async def test_the_directory_cannot_change_while_it_runs(tmp_path):
    wanted = ["one", "two"]

    def load() -> LoggerSettings:
        return settings("--listen", f"unix:{tmp_path}/s", "--directory", str(tmp_path / wanted[1]))

    first = settings("--listen", f"unix:{tmp_path}/s", "--directory", str(tmp_path / wanted[0]))
    logger = LoggerService(first, load=load, reactor=REACTOR)
    logger.startService()
    with logged() as messages:
        logger.reload()
    assert any("reload refused" in message and "--directory" in message for message in messages)
    await logger.stopService()


async def test_a_reload_that_fails_at_its_last_step_changes_nothing(tmp_path, monkeypatch):
    """A token that was there when it was checked may be gone when it is to be used."""
    token = tmp_path / "token"
    token.write_text("secret\n")
    first = ["--listen", f"unix:{tmp_path}/s", "--directory", f"{tmp_path}/store"]
    first += ["--http", f"unix:{tmp_path}/web", "--http-token-file", str(token)]
    second = [*first, "--keep-bytes", "1MiB", "--workers", "7"]
    second += ["--alert", "error", "--alert-command", "true", "--listen", f"unix:{tmp_path}/new"]
    wanted = [first, second]
    logger = LoggerService(settings(*first), load=lambda: settings(*wanted[-1]), reactor=REACTOR)
    logger.startService()
    await logger.when_ready()
    calls: list[str] = []
    monkeypatch.setattr(logger.store, "apply", lambda policy: calls.append("store"))
    monkeypatch.setattr(logger.store, "reopen", lambda: calls.append("store"))
    monkeypatch.setattr(Alerts, "replace_alerts", lambda alerts, wanted: calls.append("alerts"))
    checked = logger.wanted_sites

    def wanted_then_gone(settings: LoggerSettings) -> list[SiteSpec]:
        found = checked(settings)
        token.unlink()
        return found

    monkeypatch.setattr(logger, "wanted_sites", wanted_then_gone)
    before, workers = logger.settings, logger.workers.most
    with logged() as messages:
        await logger.reload()
    [said] = [line for line in messages if "reload refused, the old settings stay" in line]
    assert f"--http-token-file {token}: no such file" in said
    assert calls == [] and logger.settings is before and logger.workers.most == workers
    assert logger.addresses == [f"{tmp_path}/s", f"{tmp_path}/web"]
    assert not (tmp_path / "new").exists()
    monkeypatch.setattr(logger, "wanted_sites", checked)
    await logger.stopService()


def test_a_listener_at_the_same_endpoint_twice_is_refused(tmp_path):
    with pytest.raises((StartError, ConfigurationError), match="given twice"):
        service("--listen", "tcp:1", "--listen", "tcp:1").privilegedStartService()


def test_make_service_warns_of_variables_that_are_no_options(monkeypatch):
    monkeypatch.setenv("LOGSRV_DIRECTROY", "/x")
    options = Options()
    options.parseOptions([])
    with logged() as messages:
        makeService(options)
    assert any("LOGSRV_DIRECTROY" in message for message in messages)


def test_the_secrets_of_a_reload_that_was_accepted_are_those_that_it_read(tmp_path):
    """Their file may be gone a moment later: nothing is read when nothing may fail any more."""
    file = tmp_path / "token"
    file.write_text("old\n")
    words = ("--listen", f"http:unix:{tmp_path}/s", "--input-token-file", str(file))
    logger = service(*words)
    (wanted,) = logger.wanted_sites(settings(*words))
    server: Any = logger.make_server(wanted, MetricsPart(logger.metrics))
    file.write_text("new\n")
    (wanted,) = logger.wanted_sites(settings(*words))
    file.unlink()
    server.apply(wanted.settings)
    assert server.intake.secrets.token == "new"
    with pytest.raises(ConfigurationError, match="--input-token-file"):
        logger.wanted_sites(settings(*words))


def test_another_directory_is_refused_before_anything_listens(tmp_path):
    """A file that is just being written is empty, and names the default places."""
    logger = service("--directory", str(tmp_path / "one"))
    with pytest.raises(ConfigurationError, match="--directory cannot change"):
        logger.wanted_sites(settings("--directory", str(tmp_path / "other")))


def said(*needed_by: str) -> list[str]:
    with capturedLogs() as events:
        log_interpreter_fault(needed_by)
    return [formatEvent(event) for event in events]


def test_nothing_is_logged_if_the_user_may_run_the_interpreter():
    assert said("searches", "alerts") == []


def test_an_interpreter_that_the_user_may_not_execute_is_logged(tmp_path, monkeypatch):
    """It is said once, with what does not work."""
    python = tmp_path / "python"
    python.touch(mode=0o644)
    monkeypatch.setattr(sys, "executable", str(python))
    [sentence] = said("searches", "live views", "alerts")
    assert f"may not execute {python}" in sentence
    assert "there are no searches, live views or alerts" in sentence
    assert said() == []


def test_unreadable_modules_are_logged(tmp_path, monkeypatch):
    monkeypatch.setattr(logsrv, "__file__", str(tmp_path / "gone.py"))
    [sentence] = said("alerts")
    assert f"may not read {tmp_path}/gone.py" in sentence


def test_names_are_the_loggers_own_and_say_what_is_counted():
    Metrics(METRICS)
    for metric in METRICS:
        assert metric.help.endswith(".")
        assert (metric.kind == "counter") == metric.name.endswith("_total"), metric.name


def test_a_python_without_the_gil_is_refused_with_what_to_do():
    require_interpreter_lock(has_lock=True)
    with pytest.raises(ConfigurationError, match="set PYTHON_GIL=1"):
        require_interpreter_lock(has_lock=False)
