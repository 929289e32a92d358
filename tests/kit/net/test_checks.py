"""Arguments between colons, looked at before anything is opened, and names of services."""

import re
import socket
from contextlib import chdir

import pytest

from logsrv.kit.net.checks import check_and_complete_arguments, named_arguments, parse_port
from logsrv.kit.net.parse import parse_endpoint

TAKES = ("host", "port")


def test_a_service_name_stands_for_its_port():
    try:
        number = socket.getservbyname("gopher", "tcp")
    except OSError:
        pytest.skip("this system has no list of services")
    assert parse_endpoint("tcp:gopher").port == number == parse_port("gopher", "tcp")


@pytest.mark.parametrize(
    ("scheme", "arguments", "sentence"),
    [
        ("tcp", {}, "tcp: has no port; 0 takes any free one"),
        ("unixgram", {}, "unixgram: has no path; write for instance unixgram:/run/log.sock"),
        ("systemd", {"index": "0"}, "systemd: has no domain; known are INET, INET6 or UNIX"),
        ("unix", {"address": "/x", "mode": "888"}, "mode=888 is no file mode"),
        ("tcp", {"port": "1", "backlog": "0"}, "backlog=0 is no number of connections"),
    ],
)
def test_a_missing_or_wrong_argument_is_a_sentence(scheme, arguments, sentence):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}"):
        check_and_complete_arguments(scheme, arguments)


def test_omitted_arguments_of_tls_have_defaults(tmp_path):
    arguments = {"port": "domain"}
    (tmp_path / "server.pem").touch()
    with chdir(tmp_path):
        check_and_complete_arguments("ssl", arguments)
    assert arguments == {"port": "53", "privateKey": "server.pem"}
    check_and_complete_arguments("tls", {"path": str(tmp_path)})


def test_the_first_arguments_need_no_name():
    assert named_arguments("tcp", "a:1", TAKES) == {"host": "a", "port": "1"}
    assert named_arguments("tcp", "port=1:host=a", TAKES) == {"port": "1", "host": "a"}
    assert named_arguments("stdin", "", ()) == {}


def test_further_arguments_need_their_name():
    assert named_arguments("tcp", "a:1:key=k", TAKES, ("key",))["key"] == "k"
    with pytest.raises(ValueError, match="too many colons; tcp: takes host, port, and a colon"):
        named_arguments("tcp", "a:1:k", TAKES, ("key",))


def test_a_backslash_makes_a_character_a_part_of_the_value():
    text = r"\:\:1:p\=\\"
    assert named_arguments("tcp", text, TAKES) == {"host": "::1", "port": "p=\\"}


@pytest.mark.parametrize(
    ("rest", "sentence"),
    [
        ("a:prot=1", "tcp: has no argument prot; did you mean port?"),
        ("a:x=1", "tcp: has no argument x; it takes host or port"),
        ("a:host=b", "tcp: has host twice"),
        ("a\\", "ends in a backslash that escapes nothing"),
    ],
)
def test_invalid_arguments_are_refused_with_a_sentence(rest, sentence):
    with pytest.raises(ValueError) as caught:
        named_arguments("tcp", rest, TAKES)
    assert str(caught.value) == sentence
