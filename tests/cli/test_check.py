"""`logsrv check`, beside a running service and without one."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from logsrv.cli.check import _other_configuration, _service_user, finding_text
from logsrv.kit.service.findings import error, ok, warning
from logsrv.kit.service.running_command import RunningCommand
from logsrv.kit.testing import TwistdProcess
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.commands import logsrv
from tests.parts.daemons import Twistd
from tests.parts.plugin_files import INPUT
from tests.parts.ports import free_port
from tests.parts.users import as_root, open_directory

TOKEN = "0123456789abcdef0123456789abcdef\n"


def check(*words: str, **how: Any) -> tuple[int, dict[str, list[str]]]:
    """Return the exit status, and the findings as `level sentence; advice` by their subjects."""
    done = logsrv("check", "--json", *words, **how)
    assert not done.stderr, done.stderr
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        one: Mapping[str, str] = json.loads(line)
        sentence = f"{one['level']} {one['sentence']}; {one['advice']}".removesuffix("; ")
        found.setdefault(one["subject"], []).append(sentence)
    return done.returncode, found


@pytest.fixture
def directory() -> Iterator[Path]:
    """A configuration with a token that everybody may read."""
    with open_directory() as path:
        (path / "token").write_text(TOKEN)
        (path / "token").chmod(0o644)
        (path / "logsrv.toml").write_text(
            'directory = "lines"\nkeep-bytes = "1GiB"\nhttp-token-file = "token"\n'
            f'http = ["tcp:{free_port()}"]\n'
            f'listen = ["tcp:{free_port()}:interface=127.0.0.1", "unix:run.sock"]\n'
        )
        yield path


@pytest.mark.slow
def test_no_error_before_the_start_or_beside_the_service(directory, tmp_path):
    """Its places are free, then its own; and neither the check nor a reload makes a difference."""
    config = str(directory / "logsrv.toml")
    status, found = check("--config", config)
    assert status == 0
    assert found["configuration"] == [f"ok {config}; it listens at 3 places"]
    assert found[f"unix:{directory}/run.sock"] == ["ok is free"]
    exposed = "everybody on this machine may read it (mode 0644)"
    advice = f"chmod 640 {directory}/token"
    assert found[f"{directory}/token"] == [f"warning {exposed}; {advice}"]
    assert found[f"{directory}/lines"] == ["ok is not there yet, and is made at the start"]
    assert sorted(os.listdir(directory)) == ["logsrv.toml", "token"]

    with Twistd("logsrv", "--config", config, directory=tmp_path) as server:
        status, found = check("--config", config)
        assert status == 0
        [places] = found[f"unix:{directory}/run.sock"]
        assert places == f"ok is held by the running service (process {server.pid})"
        own = [place for places in found.values() for place in places if "is held by" in place]
        assert len(own) == 3
        # The start warns of the same in the same words, once.
        server.send_signal(signal.SIGHUP)
        server.wait_for_log("reloaded, 0 listeners added")
        assert server.log().count(f"{directory}/token: {exposed}: {advice}") == 1
        assert "connected" not in server.log()


def test_a_variable_that_the_command_line_overrules_is_named(tmp_path):
    variables = {"LOGSRV_LISTEN": f"tcp:{free_port()}"}
    words = ("--directory", str(tmp_path / "lines"), "--listen", f"tcp:{free_port()}")
    status, found = check(*words, environment=variables)
    assert status == 0
    said = "environment, LOGSRV_LISTEN: not used, because --listen is on the command line"
    assert f"ok {said}" in found["configuration"]


@pytest.mark.slow
def test_without_options_it_is_of_the_server_that_has_the_store(directory, tmp_path):
    """As in a container, whose server has a --config, and where the store is named by a variable."""
    # Not a fork: its command is read.
    with TwistdProcess("logsrv", "--config", "logsrv.toml", directory=directory) as server:
        store = {"LOGSRV_DIRECTORY": str(directory / "lines")}
        status, found = check(environment=store, directory=tmp_path)
        assert status == 0
        assert found["configuration"] == [
            f"ok as process {server.pid} was started, which has the store",
            f"ok {directory}/logsrv.toml; it listens at 3 places",
        ]
        other = tmp_path / "other.toml"
        other.write_text(f'directory = "{directory}/lines"\nlisten = "tcp:{free_port()}"\n')
        status, found = check("--config", str(other))
        assert found["configuration"][0] == (
            f"ok process {server.pid}, which has the store, uses {directory}/logsrv.toml, not what is"
            f" checked here; logsrv check --config {directory}/logsrv.toml"
        )
        # A new version of the file is wrong: that is said, too.
        (directory / "logsrv.toml").write_text("kep-bytes = 1\n")
        status, found = check(environment=store, directory=tmp_path)
        assert status == 1 and "unknown key kep-bytes" in found["configuration"][1]


def test_the_usual_file_is_not_taken_for_that_of_another_command(tmp_path):
    """A server that was started by hand is not what /etc/logsrv.toml says."""
    running = RunningCommand(7, ("--config=x.toml",), tmp_path, {})
    [other] = _other_configuration(running, Path("/etc/logsrv.toml"), is_usual=True)
    advice = f"logsrv check --config {tmp_path}/x.toml"
    assert (other.level.value, other.advice) == ("warning", advice)
    assert not [*_other_configuration(running, tmp_path / "x.toml", is_usual=True)]
    by_variable = RunningCommand(7, (), tmp_path, {"CONFIG": "/etc/logsrv.toml"})
    assert not [*_other_configuration(by_variable, Path("/etc/logsrv.toml"), is_usual=True)]
    without = RunningCommand(7, ("--listen", "tcp:1"), tmp_path, {})
    [other] = _other_configuration(without, Path("/etc/logsrv.toml"), is_usual=True)
    assert other.sentence == "process 7, which has the store, was started without --config"


def test_each_finding_is_a_line_and_a_count_ends_them(directory):
    done = logsrv("check", "--config", str(directory / "logsrv.toml"))
    *lines, empty, count = done.stdout.decode().splitlines()
    assert {line.split()[0] for line in lines} <= {"ok", "warning"} and not empty
    warnings = sum(line.startswith("warning ") for line in lines)
    assert count.startswith(f"0 errors, {warnings} warning")
    assert count.endswith(f"{len(lines) - warnings} ok")


def test_warnings_are_errors_if_asked_for(directory):
    config = ("--config", str(directory / "logsrv.toml"))
    assert check(*config)[0] == 0
    assert check(*config, "--strict")[0] == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        # Found while it is read, when the service is made, and when its places are looked at.
        ("kep-bytes = 1\n", "unknown key kep-bytes (did you mean keep-bytes?)"),
        ("http = ['tcp:8080']\n", "give --http-token-file FILE"),
        ("listen = ['tcp:7777', 'tcp:7777:interface=127.0.0.1']\n", "are one place"),
    ],
)
def test_a_configuration_that_is_refused_is_an_error(tmp_path, text, says):
    config = tmp_path / "logsrv.toml"
    config.write_text(text)
    status, found = check("--config", str(config))
    assert status == 1
    [refused] = found["configuration"]
    assert refused.startswith("error ") and says in refused


def test_all_wrong_keys_of_the_file_are_errors_of_one_run(tmp_path):
    """Only the first was named, so an operator ran the check once for each."""
    config = tmp_path / "logsrv.toml"
    config.write_text("kep-bytes = 1\nkeep-days = 'x'\n[[listener]]\nlisten = 'tcp:0'\nrow = 1\n")
    status, found = check("--config", str(config))
    assert status == 1
    first, second, third = found["configuration"]
    assert first == f"error {config}: unknown key kep-bytes (did you mean keep-bytes?)"
    assert second.startswith(f"error keep-days x ({config}, key keep-days): not a length of time;")
    assert third == (
        f"error {config}, listener 1: unknown key row (did you mean raw?); nothing else is checked"
    )


@pytest.mark.slow
def test_a_plugin_that_cannot_be_loaded_is_a_warning(tmp_path):
    """A warning; an error for the listener that goes without it."""
    plugin = tmp_path / "twisted/plugins/wrong.py"
    plugin.parent.mkdir(parents=True)
    plugin.write_text("1 / 0\n")
    options = ("--", "--directory", str(tmp_path / "lines"), "--listen", "tcp:0")
    path = {"PYTHONPATH": str(tmp_path)}
    broken = f"ZeroDivisionError: division by zero ({plugin}:1)"
    status, found = check(*options, environment=path)
    assert status == 0
    assert found[str(plugin)] == [f"warning {broken}; mend or remove it; logsrv plugins shows all"]
    status, found = check(*options, "--listen", "records:tcp:7000", environment=path)
    assert status == 1
    [left_out] = found["records:tcp:7000"]
    assert left_out.startswith("error is left out: no plugin that can be loaded has that input")
    plugin.write_text(INPUT)
    status, found = check(*options, "--listen", "records:tcp:7000", environment=path)
    assert status == 0
    [place] = [one for one in found if "7000" in one]
    assert found[place] == ["ok is free"]


def test_options_of_the_service_stand_behind_two_dashes(tmp_path):
    options = ("--listen", "tcp:0", "--directory", str(tmp_path / "lines"))
    status, found = check("--", *options)
    assert status == 0 and "tcp:0" in found
    status, found = check("--lisen", "tcp:0")
    assert status == 1 and "(did you mean --listen?)" in found["configuration"][0]
    known = {"LOGSRV_LISTEN": "tcp:0", "LOGSRV_LISSTEN": "x"}
    status, found = check(environment=known, directory=tmp_path)
    assert "warning environment: LOGSRV_LISSTEN is no option" in found["configuration"][0]
    assert "tcp:0" in found


def test_another_service_of_the_kit_can_be_checked(tmp_path):
    message = tmp_path / "message"
    status, found = check(
        "--plugin", "greet", "--listen", "tcp:0", "--message-file", str(message), "--strict"
    )
    assert status == 1 and found[str(message)] == ["error is not there (--message-file)"]
    message.write_text("hello")
    status, found = check(
        "--plugin", "greet", "--", "--listen", "tcp:0", "--message-file", str(message)
    )
    assert status == 0 and found["tcp:0"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--plugin", "gret"), "gret is no plugin of twistd (did you mean greet?)"),
        (("--plugin", "web"), "web is not a plugin of the kit"),
        (("--user", "nosuchuser"), "--user: there is no user nosuchuser"),
        (("--plugin",), "argument --plugin: expected one argument"),
    ],
)
def test_a_wrong_command_line_is_status_2(words, says):
    done = logsrv("check", *words)
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.decode().startswith("logsrv check: ") and says in done.stderr.decode()


@as_root
def test_root_sees_it_as_the_owner_of_the_store_does(directory):
    (directory / "lines").mkdir()
    assert subprocess.run(["chown", "nobody", directory / "lines"], check=True, timeout=PATIENCE)
    (directory / "token").chmod(0o600)
    config = str(directory / "logsrv.toml")
    status, found = check("--config", config)
    assert status == 1 and found["user"] == [f"ok nobody (who owns {directory}/lines)"]
    [unreadable] = found[f"{directory}/token"]
    assert unreadable.startswith("error cannot be read by user nobody (--http-token-file); chgrp ")
    status, found = check("--config", config, "--user", "root")
    assert found["user"] == ["ok root (as asked)"]
    assert found[f"{directory}/token"] == ["ok can be read by user root"]


@as_root
def test_a_store_that_root_has_copied_is_seen_as_the_user_of_the_service_does(directory):
    """Root owns it then, and root may do anything."""
    service = SimpleNamespace(
        running_pid=lambda: None, settings=SimpleNamespace(directory=directory)
    )
    who, why = _service_user(service, "nobody")
    assert (who.name, why) == ("nobody", "its own user")
    assert _service_user(service, "nosuchuser")[0].uid == 0


def test_the_mark_under_a_wrong_query_stands_below_the_finding():
    """Each in a line of its own, so that the mark is under the error."""
    found = error("configuration", ">= needs a value after it\n  level>=\n         ^", "mend it")
    assert finding_text(found).splitlines() == [
        "error    configuration            >= needs a value after it; mend it",
        "           level>=",
        "                  ^",
    ]


def test_a_newline_in_a_sentence_forges_no_finding():
    lines = finding_text(error("file", "is not there\nok       other  is fine")).splitlines()
    assert [line for line in lines if not line.startswith(" ")] == lines[:1]


def test_a_newline_in_a_path_forges_no_finding():
    line = finding_text(warning("a\nok       b", "is odd"))
    assert finding_text(ok("a\x1b[2J", "b")).count("\x1b") == 0
    assert line.startswith("warning  a\\x0aok") and "\n" not in line
    assert "\n" not in finding_text(warning("a", "b", "d\nok       e"))


def test_the_help_of_the_service_begins_with_its_usage():
    done = logsrv("check", "--", "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(b"Usage: logsrv check [options]\n")


@pytest.mark.slow
def test_two_formats_with_one_path_are_an_error(tmp_path):
    plugin = tmp_path / "twisted/plugins/clash_plugin.py"
    plugin.parent.mkdir(parents=True)
    plugin.write_text(
        "from logsrv.inputs import HttpFormat\nclash = HttpFormat('clash', 'clash_format:routes')\n"
    )
    (tmp_path / "clash_format.py").write_text(
        "from logsrv.inputs import Route\n"
        "def add(body, rules, records): ...\n"
        "def routes(): return {'/lines': (Route((b'POST',), add),)}\n"
    )
    options = ("--", "--directory", str(tmp_path / "lines"), "--listen", "http:tcp:0")
    status, found = check(*options, environment={"PYTHONPATH": str(tmp_path)})
    [said] = found["configuration"]
    assert status == 1
    assert said.startswith(
        "error two formats of the http input take POST /lines: ndjson and clash; "
    )
