"""`protocol_plugin` as an author writes it and as twistd and an operator meet it."""

import subprocess
import sys
from pathlib import Path

import attrs
import pytest
from twisted.application.service import IServiceMaker
from twisted.plugin import IPlugin
from zope.interface.verify import verifyObject

from logsrv import __version__
from logsrv.errors import StartError
from logsrv.kit import (
    FLAG,
    INTEGER,
    TEXT,
    ConfigurationError,
    Connection,
    DatagramLines,
    IProtocolPlugin,
    LineProtocol,
    Plugin,
    option,
    protocol_plugin,
)
from logsrv.kit.testing import TWISTD, MemoryService, TelnetSession
from logsrv.kit.testing.patience import PATIENCE

pytest_plugins = ["logsrv.kit.testing.fixtures"]

SHOUT = """
from logsrv.kit import LineProtocol, protocol_plugin

class Shout(LineProtocol):
    def line_received(self, line):
        if line == "block":
            import time
            time.sleep(2)
        self.send_line(line.upper())

shout = protocol_plugin("shout", Shout, description="shouts back", version="1.2")
lazy = protocol_plugin("lazy", "nowhere_at_all:Lazy", description="is loaded late")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a stranger's plugin in it."""
    plugins = tmp_path / "twisted" / "plugins"
    plugins.mkdir(parents=True)
    (plugins / "shout_plugin.py").write_text(SHOUT)
    return tmp_path


def test_a_plugin_has_twisteds_and_our_interfaces():
    """What it gives is what Twisted and our own command look for."""
    plugin = protocol_plugin("shout", LineProtocol)
    for interface in (IPlugin, IServiceMaker, IProtocolPlugin):
        assert verifyObject(interface, plugin)
    assert (plugin.tapname, plugin.listen) == ("shout", ("tcp:7000",))


@pytest.mark.parametrize("name", ["", "Shout", "my-shout", "1st", "class", "a b", "é", "x\n"])
def test_impossible_plugin_names_are_refused(name):
    """A name that no command line, variable or module could have is refused with a sentence."""
    with pytest.raises(ConfigurationError, match="cannot be the name of a plugin"):
        protocol_plugin(name, LineProtocol)


def test_a_plugin_without_a_protocol_is_refused():
    with pytest.raises(ConfigurationError, match="neither a protocol nor datagrams"):
        protocol_plugin("nothing")  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("protocol", "sentence"),
    [
        ("no name", "is not a name such as package.module:Name"),
        (
            "logsrv.kit.protocols._line_protocol:Missing",
            "there is no logsrv.kit.protocols._line_protocol:Missing",
        ),
        (dict, "neither a Protocol class nor a function"),
        (Connection, "neither a Protocol class nor a function"),
        ("twisted.internet.protocol:ServerFactory", "a Factory; give the Protocol class"),
        (type("Odd", (LineProtocol,), {"encoding": "utf-16"}), "encoding is 'utf-16'"),
    ],
)
def test_a_protocol_that_cannot_serve_is_one_sentence(protocol, sentence):
    """It is one sentence when the plugin is chosen, before anything is opened."""
    plugin = protocol_plugin("shout", protocol)
    with pytest.raises(StartError, match=sentence):
        _chosen(plugin)


def _chosen(plugin: Plugin) -> None:
    options = plugin.options()
    options.parseOptions([])
    plugin.make_service_on(_Clock(), options)


class _Clock:
    def seconds(self) -> float:
        return 0.0


def test_a_version_may_be_given_by_its_name():
    """A plugin file need not import the package for it."""
    assert (
        protocol_plugin("shout", LineProtocol, version="logsrv:__version__").version == __version__
    )
    with pytest.raises(ConfigurationError, match=r"^shout: there is no logsrv:nothing"):
        assert protocol_plugin("shout", LineProtocol, version="logsrv:nothing").version


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("no name", "'no name' is not a name such as package.module:Name"),
        ("logsrv.kit.options.declare:Missing", "there is no logsrv.kit.options.declare:Missing"),
        ("logsrv.kit.protocols._line_protocol:LineProtocol", "LineProtocol is no attrs class"),
        (
            "tests.kit._protocol_plugin.test_plugin:Unfillable",
            "Unfillable.topic has neither option",
        ),
    ],
)
def test_wrong_options_are_one_sentence(options, sentence):
    """What is named in text is found out when the plugin is chosen; it is a sentence then, too."""
    with pytest.raises(StartError, match=f"^shout: .*{sentence}"):
        protocol_plugin("shout", LineProtocol, options).options  # noqa: B018


@attrs.frozen(kw_only=True)
class Unfillable:
    topic: str


def test_a_plugin_file_loads_no_reactor():
    """Importing it loads neither reactor nor sockets of ours: `twistd --help` stays fast."""
    code = (
        "import sys; from logsrv.kit import protocol_plugin; protocol_plugin('x', 'a:B')\n"
        "print([m for m in sys.modules if m == 'twisted.internet.reactor'"
        " or m.startswith('logsrv.kit.') and m.partition('logsrv.kit.service')[2]"
        " not in ('', '._plugin', '._arguments')])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    assert run.stdout.strip() == "[]"


def test_a_server_loads_what_it_uses():
    """A server of lines needs no memory for links, datagrams, frames, TLS, PROXY, TOML and inspection."""
    code = (
        "import sys; from logsrv.kit import LineProtocol, protocol_plugin\n"
        "plugin = protocol_plugin('x', LineProtocol, listen='tcp:0:interface=127.0.0.1')\n"
        "options = plugin.options(); options.parseOptions([]); service = plugin.makeService(options)\n"
        "service.privilegedStartService(); service.startService(); print(*sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    loaded = set(run.stdout.split())
    assert "logsrv.kit.net._stream_listener" in loaded
    late = (
        "connections._proxy_protocol", "connections.client_tls", "framing.frames", "inspect._view",
        "net._certificates", "net._stdin", "net.datagrams", "net.remote", "options.toml_file",
        "protocols._frame_protocol", "protocols._starting_tls", "service._dials",
    )  # fmt: skip
    assert loaded & {"automat", "tomllib", *(f"logsrv.kit.{name}" for name in late)} == set()


@pytest.mark.slow
def test_a_plugin_of_five_lines_serves_in_twistd(folder, twistd):
    """A stranger's five lines answer telnet, with the kit's options, and warn when they block."""
    server = twistd(
        "shout",
        "--listen",
        "tcp:0:interface=127.0.0.1",
        "--log-connections",
        directory=folder,
        environment={"PYTHONPATH": str(folder)},
    )
    with TelnetSession(server.port(), negotiating=True) as session:
        session.send("hello")
        session.expect("HELLO")
        session.send("block")
        session.expect("BLOCK")
    server.wait_for_log(r"Got connection from tcp:127\.0\.0\.1:\d+ on tcp:0")
    server.wait_for_log("Lost connection from tcp:127")
    server.wait_for_log("the reactor has been blocked for 1 s")
    assert server.wait_for_log(r"time\.sleep\(2\)")
    server.wait_for_log("the reactor goes on after")
    server.stop()
    # Not more often for what went on; the machine may have held it up at another time.
    assert server.log().count("time.sleep(2)") == 1


def run_twistd(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*TWISTD, "-n", "--pidfile=", *arguments],
        cwd=folder, env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip


@pytest.mark.slow
def test_help_does_not_load_what_is_not_chosen(folder):
    """A plugin whose module is missing is in the list, and fails with a sentence when chosen."""
    listed = run_twistd(folder, "--help")
    assert "is loaded late" in listed.stdout
    assert "shouts back" in listed.stdout
    chosen = run_twistd(folder, "lazy")
    assert (chosen.returncode, chosen.stdout) == (1, "")
    assert chosen.stderr == (
        "lazy: nowhere_at_all cannot be imported: "
        "ModuleNotFoundError: No module named 'nowhere_at_all'\n"
    )


@attrs.frozen(kw_only=True)
class Own:
    greeting: str = option("hello", TEXT, "what to say")
    log_connections: bool = option(True, FLAG, "on by default here")


def test_authors_options_beside_the_kits():
    """Both are there; where both declare one, the author's default counts."""
    plugin = protocol_plugin("shout", LineProtocol, Own, listen=("tcp:1", "tcp:2"))
    options = plugin.options()
    options.environment = {"SHOUT_IDLE_TIMEOUT": "5s"}
    options.parseOptions(["--greeting", "hi", "--allow", "10.0.0.0/8"])
    settings = options.settings
    assert (settings.greeting, settings.log_connections, settings.idle_timeout) == ("hi", True, 5.0)
    assert [str(endpoint) for endpoint in settings.listen] == ["tcp:1", "tcp:2"]
    assert settings.allow[0].prefixlen == 8


@attrs.frozen(kw_only=True)
class Bounds:
    low: int = option(1, INTEGER, "the lowest")
    high: int = option(9, INTEGER, "the highest")

    def __attrs_post_init__(self) -> None:
        if self.low > self.high:
            raise ConfigurationError(f"--low {self.low} is above --high {self.high}")
        if self.low == self.high:
            raise ValueError("--low and --high are equal")


@pytest.mark.parametrize(
    ("low", "sentence"),
    [("10", "--low 10 is above --high 9"), ("9", "--low and --high are equal")],
)
def test_options_that_depend_on_each_other_are_compared_before_a_port_is_opened(low, sentence):
    with pytest.raises(ConfigurationError, match=sentence):
        MemoryService(protocol_plugin("bounds", LineProtocol, Bounds), "--low", low)
    service = MemoryService(protocol_plugin("bounds", LineProtocol, Bounds))
    with pytest.raises(ConfigurationError, match=sentence):
        service.reload(low=low)
    assert service.service.settings.low == 1


class Datagrams(DatagramLines):
    """Nobody stays connected to it."""


def test_options_of_connections_for_datagrams():
    """What means nothing to datagrams is not offered, and nothing goes by it; unless both are served."""
    only = protocol_plugin("only", Datagrams, listen="udp:1")
    both = protocol_plugin("both", LineProtocol, datagrams=Datagrams)
    for word in ("--max-connections ", "--max-connections-per-peer ", "--idle-timeout "):
        assert word not in str(only.options())
        assert word in str(both.options())
    assert "--deny" in str(only.options())
    options = only.options()
    options.environment = {}
    with pytest.raises(ConfigurationError, match="no such option"):
        options.parseOptions(["--idle-timeout", "5s"])
    options = only.options()
    options.environment = {}
    options.parseOptions(["--metrics", "tcp:0:interface=127.0.0.1"])
    assert options.settings.idle_timeout is None
