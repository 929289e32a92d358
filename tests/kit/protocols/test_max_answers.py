"""`--max-answers`: the operator's limit of answers to one address, in place of the class's."""

import pytest

from logsrv.errors import LogsrvError
from logsrv.kit import DatagramLines, Datagrams, LineProtocol, Sender, protocol_plugin
from logsrv.kit.testing import MemoryService


class Echo(DatagramLines):
    answer_burst = 1

    def line_received(self, line: str, peer: Sender) -> None:
        self.send_line(line, peer)


class Unlimited(Echo):
    max_answers = None


class Slow(Datagrams):
    max_answers = 0.5
    answer_burst = 1

    def datagram_received(self, data: bytes, peer: Sender) -> None:
        self.send(data, peer)


def answers_in_ten_seconds(service: MemoryService, to: str | None = None) -> int:
    sender = service.sender(to=to)
    for _ in range(80):
        sender.send(b"x")
        service.clock.advance(0.125)
    return len(sender.received())


@pytest.mark.parametrize(
    ("protocol", "arguments", "answers"),
    [
        (Echo, [], 80),
        (Echo, ["--max-answers", "4"], 40),
        (Echo, ["--max-answers", "0.1"], 1),
        (Echo, ["--max-answers", "off"], 80),
        (Unlimited, [], 80),
        (Unlimited, ["--max-answers", "2"], 20),
        (Slow, [], 5),
        (Slow, ["--max-answers", "1"], 10),
        (Slow, ["--max-answers", "off"], 80),
    ],
)
def test_the_operators_limit_replaces_that_of_the_class(protocol, arguments, answers):
    service = MemoryService(protocol, *arguments)
    assert answers_in_ten_seconds(service) == pytest.approx(answers, abs=2)


def test_each_class_has_its_own_limit_without_the_option():
    plugin = protocol_plugin(
        "two", Unlimited, listeners={"slow": Slow}, listen=("udp:1", "slow:udp:2")
    )
    service = MemoryService(plugin)
    assert answers_in_ten_seconds(service, "udp:1") == 80
    assert answers_in_ten_seconds(service, "slow") < 8


def test_a_reload_changes_it():
    service = MemoryService(Slow)
    service.reload(max_answers=None)
    assert answers_in_ten_seconds(service) == 80


@pytest.mark.parametrize("wrong", ["0", "-1", "many", "1e3", "", "nan", "inf"])
def test_a_wrong_limit_is_one_sentence(wrong):
    with pytest.raises((LogsrvError, SystemExit), match="max-answers"):
        MemoryService(Echo, f"--max-answers={wrong}")


def test_a_plugin_without_datagrams_has_no_such_option():
    with pytest.raises((LogsrvError, SystemExit), match="max-answers"):
        MemoryService(LineProtocol, "--max-answers", "5")
