"""--inspect as people write it, and what is refused before anything is opened."""

from pathlib import Path

import pytest

from logsrv.kit import LineProtocol, protocol_plugin
from logsrv.kit.inspect.inspect_settings import INSPECT, OperatorSettings
from logsrv.kit.options.declare import options_of


def test_any_plugin_has_these_options_off_by_default():
    options = protocol_plugin("shout", LineProtocol).options()
    options.environment = {}
    options.parseOptions([])
    assert options.settings.inspect == options.settings.metrics == ()
    assert options.settings.inspect_python is False


def test_a_place_for_metrics_must_take_connections():
    kind = options_of(OperatorSettings)["metrics"].kind
    assert str(kind.parse("unix:/run/shout.metrics")) == "unix:/run/shout.metrics"
    with pytest.raises(ValueError, match="udp: takes no connections, and Prometheus connects"):
        kind.parse("udp:9100")


def test_a_socket_is_for_its_user_alone():
    place = INSPECT.parse("unix:/run/i.sock")
    assert place.endpoint.argument("mode") == "600" and place.keys is None
    assert INSPECT.parse("unix:/run/i.sock:mode=660").endpoint.argument("mode") == "660"
    assert str(place) == INSPECT.show(place) == "unix:/run/i.sock"


def test_the_key_files_of_an_ssh_place_are_parsed_and_located():
    place = INSPECT.parse("ssh:2222:interface=127.0.0.1:keys=k:hostKey=/etc/h")
    assert str(place.endpoint) == "tcp:2222:interface=127.0.0.1"
    located = INSPECT.locate(place, Path("/etc/shout"))
    assert (located.keys, located.host_key) == (Path("/etc/shout/k"), Path("/etc/h"))
    assert located.key == INSPECT.parse("ssh:2222:interface=127.0.0.1:keys=x:hostKey=y").key


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("tcp:2222", "could be reached by others; take unix:PATH"),
        ("tcp:2222:interface=192.0.2.1", "could be reached by others"),
        ("haproxy:tcp:2222:interface=127.0.0.1", "could be reached by others"),
        ("systemd:domain=INET:index=0", "could be reached by others"),
        ("udp:2222", "takes no connections"),
        ("unix:/run/i.sock:mode=666", "mode=666 lets everybody on this machine in"),
        ("ssh:2222", "has no keys=FILE"),
        ("ssh:2222:keys=k", "has no hostKey=FILE"),
        ("ssh:keys=k:hostKey=h", "has no port"),
        ("ssh:2222:key=k:hostKey=h", "did you mean keys"),
        ("ssh:99999:keys=k:hostKey=h", "too large"),
    ],
)
def test_wrong_places_are_refused_with_a_sentence(text, sentence):
    with pytest.raises(ValueError, match=sentence):
        INSPECT.parse(text)


def test_a_tcp_place_on_loopback_is_accepted():
    for text in ("tcp:2222:interface=127.0.0.1", "tcp6:2222:interface=\\:\\:1"):
        assert INSPECT.parse(text).keys is None
