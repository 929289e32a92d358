"""The options of `twistd logsrv`; --classic-syslog is three places with one flag."""

import socket
from pathlib import Path

import pytest
from twisted.logger import capturedLogs, formatEvent

from logsrv.errors import ConfigurationError
from logsrv.linelog.formats.lines.input import Lines
from logsrv.linelog.formats.registry import INPUTS, inputs
from logsrv.linelog.intake.filter_options import FilterOptions
from logsrv.linelog.lines.rules import LineRules
from logsrv.linelog.plugin.logger_settings import (
    PORTS,
    listeners_without_plugin,
    parse_listen,
)
from logsrv.linelog.plugin.service import DEV_LOG, ClassicSyslogListeners, Options
from logsrv.linelog.store.policy import StorePolicy, Sync
from tests.parts.logger_services import settings


def test_defaults_are_those_of_the_contract():
    found = settings()
    assert [str(listener.listen) for listener in found.listener] == ["tcp:1234"]
    assert found.directory == Path.cwd() / "logs"
    assert found.sync is Sync.INTERVAL
    assert (found.max_line, found.oversize.value) == (65536, "split")
    assert (found.rotate_size, found.rotate_every) == (256 << 20, 86400)
    assert (found.keep_bytes, found.keep_days) == (None, None)
    assert not found.raw and not found.log_connections
    assert found.max_connections is None


def test_an_input_may_stand_before_the_endpoint():
    for text in ("lines:tcp:1234", "tcp:1234"):
        listen = parse_listen(text)
        assert (listen.input, listen.endpoint.port, str(listen)) == ("lines", 1234, text)


def test_a_wrong_word_before_an_endpoint_is_told_apart_from_a_wrong_endpoint():
    for text, sentence in (
        (
            "sylog:udp:514",
            r"^sylog is no input; did you mean syslog\? known are blocks, .* or syslog$",
        ),
        ("xyz:haproxy:tcp:514", r"^xyz is no input; known are "),
        ("upd:514", r"^upd is no endpoint type; did you mean udp\?"),
        ("haproxy:udp:514", r"^haproxy: stands before a stream"),
        ("syslog:upd:514", r"^upd is no endpoint type; did you mean udp\?"),
    ):
        with pytest.raises(ValueError, match=sentence):
            parse_listen(text)


def test_an_input_is_left_out_while_a_plugin_is_broken(broken_plugin):
    """It may be the input of that plugin; all else is refused as ever."""
    found = settings("--listen", "records:tcp:7000", "--listen", "tcp:1234")
    assert listeners_without_plugin(found) == ["records:tcp:7000"]
    with pytest.raises(ValueError, match="port"):
        parse_listen("records:tcp:none")
    with pytest.raises(ValueError, match=r"^upd is no endpoint type"):
        parse_listen("upd:514")
    assert listeners_without_plugin(settings("--listen", "syslog:udp:5514")) == []


def test_a_plugin_cannot_take_the_name_of_an_endpoint_type(monkeypatch):
    class Stranger(Lines):
        name = "tcp"

    monkeypatch.setattr(INPUTS, "all", lambda: {**INPUTS.ours(), "tcp": Stranger()})
    inputs.cache_clear()
    with capturedLogs() as events:
        listen = parse_listen("tcp:1234")
    inputs.cache_clear()
    assert (listen.input, listen.endpoint.port) == ("lines", 1234)
    assert ["the input tcp is left out" in str(formatEvent(event)) for event in events] == [True]


def test_a_path_in_an_endpoint_is_made_absolute():
    """A daemon changes its directory before it binds."""
    (listener,) = settings("--listen", "unix:log.sock").listener
    assert listener.listen.endpoint.path == str(Path.cwd() / "log.sock")


def test_listeners_take_what_they_leave_out_from_above(tmp_path):
    config = tmp_path / "c.toml"
    config.write_text(
        'max-line = "1KiB"\nallow = ["10.0.0.0/8"]\n'
        '[[listener]]\nlisten = "tcp:1"\nname = "a"\n'
        '[[listener]]\nlisten = "tcp:2"\nmax-line = "2KiB"\nallow = []\nraw = true\n'
    )
    one, two = settings("--config", str(config)).listener
    assert (one.label, one.max_line, one.raw, len(one.allow)) == ("a@tcp:1", 1024, False, 1)
    assert (two.label, two.max_line, two.raw, len(two.allow)) == ("tcp:2", 2048, True, 0)


@pytest.mark.parametrize("name", ["a b", "", "a\n", "a@b", "-a", "ü", "x" * 65])
def test_names_that_would_spoil_a_source(name, tmp_path):
    config = tmp_path / "c.toml"
    quoted = name.replace("\n", "\\n")
    config.write_text(f'[[listener]]\nlisten = "tcp:1"\nname = "{quoted}"\n')
    with pytest.raises(ConfigurationError, match="name"):
        settings("--config", str(config))


@pytest.mark.parametrize(
    ("words", "ignored"),
    [
        (
            ["--input-token=t"],
            "--input-token is ignored, because it needs --listen blocks:…, http:…, journal:… or nats:…,",
        ),
        (
            ["--shared-key=k", "--listen=syslog:udp:514"],
            "--shared-key is ignored, because it needs --listen forward:…,",
        ),
        (
            ["--max-body=1MiB", "--listen=lines:tcp:1"],
            "--max-body is ignored, because it needs --listen blocks:…, ",
        ),
        (["--shared-key=k", "--listen=tcp:1", "--listen=forward:tcp:2"], ""),
        (["--input-token=t", "--listen=journal:tcp:1"], ""),
        (["--max-record=1MiB", "--listen=gelf:udp:1"], ""),
    ],
)
def test_an_option_for_an_input_that_listens_nowhere_is_a_warning(words, ignored):
    options = Options()
    options.parseOptions(words)
    told = [one for one in options.loaded.warnings if ignored in one]
    assert len(told) == len(options.loaded.warnings) == bool(ignored)


def test_an_option_in_the_table_of_another_input_is_a_warning(tmp_path):
    config = tmp_path / "c.toml"
    config.write_text(
        'shared-key = "k"\n[[listener]]\nlisten = "tcp:1"\nshared-key = "k"\n'
        '[[listener]]\nlisten = "forward:tcp:2"\nshared-key = "k"\n'
    )
    options = Options()
    options.parseOptions(["--config", str(config)])
    (told,) = options.loaded.warnings
    assert told.startswith(
        f"{config}, listener 1, key shared-key: --shared-key is ignored, because it needs --listen fo"
    )


@pytest.mark.parametrize("input_", ["relp", "forward", "http", "gelf", "lumberjack"])
def test_join_is_refused_for_an_input_that_gets_whole_records(input_, tmp_path):
    listen = f"{input_}:tcp:1"
    with pytest.raises(
        ConfigurationError, match=f"--join is for lines or syslog; --listen {input_}:"
    ):
        settings("--join", "--listen", listen)
    config = tmp_path / "c.toml"
    config.write_text(
        f'[[listener]]\nlisten = "{listen}"\njoin = true\n[[listener]]\nlisten = "tcp:1"\n'
    )
    with pytest.raises(ConfigurationError, match="--join is for"):
        settings("--config", str(config))
    assert settings("--join", "--listen", listen, "--listen", "tcp:2").listener[1].line_rules.join
    assert settings("--join", "--listen", listen, "--classic-syslog").join


def test_the_store_and_the_framer_get_their_part_of_the_settings():
    found = settings("--keep-days", "3", "--rotate-size", "1MiB", "--raw", "--max-line", "9")
    assert found.store_policy == StorePolicy(keep_days=3.0, rotate_size=1 << 20)
    assert found.listener[0].line_rules == LineRules(raw=True, max_line=9)


def classic_listeners(directory: Path) -> ClassicSyslogListeners:
    return ClassicSyslogListeners(dev_log=DEV_LOG.replace("/dev/log", f"{directory}/log"))


def test_without_classic_syslog_there_are_no_classic_listeners(tmp_path):
    assert classic_listeners(tmp_path).listener_settings(settings()) == []


def test_classic_syslog_has_three_listeners_with_the_shared_options(tmp_path):
    found = classic_listeners(tmp_path).listener_settings(
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
    ours, theirs = classic_listeners(tmp_path), classic_listeners(tmp_path)
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
    assert len(classic_listeners(tmp_path).listener_settings(settings("--classic-syslog"))) == 2


def test_a_record_that_may_be_shorter_than_a_line_is_a_warning(tmp_path):
    """The limit of a line holds for records, too; without a word one would look for the refusals."""
    unfit = "less than --max-line, so records may have 64KiB; lower --max-line as well"
    options = Options()
    options.parseOptions(["--listen", "http:tcp:0", "--max-record", "1KiB"])
    assert options.loaded.warnings == (f"command line: --max-record 1KiB: {unfit}",)
    path = tmp_path / "logsrv.toml"
    path.write_text('[[listener]]\nlisten = "http:tcp:0"\nmax-record = "1KiB"\n')
    options = Options()
    options.parseOptions(["--config", str(path)])
    [said] = options.loaded.warnings
    assert said.endswith(f"--max-record 1KiB: {unfit}")
    options = Options()
    options.parseOptions(["--listen", "http:tcp:0", "--max-record", "1KiB", "--max-line", "1KiB"])
    assert options.loaded.warnings == ()


@pytest.mark.parametrize(
    ("given", "warned"),
    [
        (["--alert-command=true"], True),
        (["--alert-command=true", "--alert-saved=alerts.json"], False),
        (["--alert-command=true", "--alert=x"], False),
    ],
)
def test_a_general_way_of_alerts_is_for_alerts_of_the_page_too(given, warned):
    options = Options()
    options.parseOptions(given)
    found = [one for one in options.loaded.warnings if "--alert-command is ignored" in one]
    assert bool(found) is warned
    assert not found or "it needs --alert or --alert-saved, which is not given" in found[0]


def test_masks_and_drops_are_general_values_that_a_listener_may_clear(tmp_path):
    file = tmp_path / "logsrv.toml"
    file.write_text(
        'mask = ["/a/", "/b/"]\ndrop = "level=debug"\n[[listener]]\nlisten = "tcp:1"\n'
        '[[listener]]\nlisten = "tcp:2"\nmask = []\ndrop = ["x y", "z"]\n'
    )
    first, second = settings("--config", str(file)).listener
    assert first.filter_options == FilterOptions(mask=("/a/", "/b/"), drop=("level=debug",))
    assert second.filter_options == FilterOptions(drop=("x y", "z"))


def test_a_wrong_mask_is_told_with_its_place():
    with pytest.raises(ConfigurationError, match="the empty text") as caught:
        settings("--mask", "/x*/")
    assert str(caught.value).endswith("\n  /x*/\n   ^")


@pytest.mark.parametrize("listen", ["blocks:tcp:8090", "nats:127.0.0.1/LOGS"])
@pytest.mark.parametrize("given", [("--mask", "/a/"), ("--drop", "a")])
def test_blocks_of_other_stores_are_not_masked_here(tmp_path, listen, given):
    token = tmp_path / "token"
    token.write_text("secret" * 9)
    token.chmod(0o600)
    [listener] = settings("--listen", listen, "--input-token-file", str(token), *given).listener
    with pytest.raises(
        ConfigurationError, match=f"{given[0]} is not for .*: blocks of other stores"
    ):
        listener.check_for_input()
