"""Options of `twistd logsrv`, from each place that can set them."""

import os
import socket
import stat

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.daemons import LOOPBACK
from tests.parts.store_reader import by_source, messages, size_of, stored_bytes, stored_lines

WRONG = [
    (["--rotate-size", "12XB"], "--rotate-size", "12XB"),
    (["--http", "tcp:8080"], "--http", "--http-token-file"),
    (["--directoy", "x"], "--directoy", "--directory"),
]


@pytest.mark.parametrize(("arguments", "option", "hint"), WRONG)
def test_wrong_value(logger, tmp_path, arguments, option, hint):
    """A sentence names the option and a valid value, the status is 1, and nothing is opened."""
    server = logger(*arguments, wait=False)
    assert server.wait() == 1
    said = server.log().strip().splitlines()
    assert option in said[-1] and hint in said[-1]
    assert len(said) == 1
    assert not (tmp_path / "store").exists()


def test_version_prints_the_version_and_ends(logger):
    server = logger("--version", listen=[], wait=False)
    assert server.wait() == 0
    assert server.log().startswith("logsrv ")


def test_rotation_by_size_and_sealing(logger):
    """Segments are sealed, numbered and compressed; all lines are there in order, each once."""
    server = logger("--rotate-size", "100KiB")
    lines = [b"line %d" % number for number in range(100_000)]
    server.send(b"\n".join(lines) + b"\n")
    server.wait_until(lambda: len(list(server.store.glob("*.zst"))) >= 5, "sealed segments")
    server.stop()
    assert messages(server.store) == lines
    names = sorted(path.name for path in server.store.glob("*.log.zst"))
    assert [int(name[:10]) for name in names] == list(range(1, len(names) + 1))


def test_a_segment_is_rotated_and_sealed_by_time(logger):
    server = logger("--rotate-every", "1s")
    line = b"a line" * 5000
    server.send((line + b"\n") * 600)
    server.wait_until(lambda: list(server.store.glob("*.zst")), "a sealed segment")
    assert messages(server.store) == [line] * 600


def test_retention_by_bytes(logger):
    """The oldest segments are removed; the newest lines stay."""
    server = logger("--rotate-size", "100KiB", "--keep-bytes", "200KiB")
    for number in range(30):
        server.send(b"%d %s\n" % (number, os.urandom(50_000).hex().encode()))
    server.wait_until(
        lambda: (
            list(server.store.glob("*.zst"))
            and not list(server.store.glob("0000000001-*"))
            and size_of(server.store) < 400 << 10
        ),
        "old segments to be removed",
    )
    server.stop()
    assert b" 29 " in stored_bytes(server.store)


def test_files_of_a_store_are_closed_to_others_whatever_the_umask(logger):
    server = logger("--rotate-size", "100KiB", twistd=["--umask", "0"])
    server.send(b"x" * 200_000 + b"\n")
    server.wait_until(lambda: list(server.store.glob("*.zst")), "a sealed segment")
    server.stop()
    assert stat.S_IMODE(server.store.stat().st_mode) == 0o750
    for path in server.store.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o640, path


def test_config_file_with_several_listeners(logger, tmp_path):
    """TOML gives each listener its own settings."""
    config = tmp_path / "logsrv.toml"
    config.write_text(
        """
        max-line = "100"
        directory = "elsewhere"

        [[listener]]
        listen = "tcp:0:interface=127.0.0.1"
        name = "apps"

        [[listener]]
        listen = "tcp:0:interface=127.0.0.1"
        name = "wide"
        max-line = "1KiB"
        """
    )
    server = logger("--config", str(config), listen=[])
    server.send(b"a" * 150 + b"\n", 0)
    server.wait_for_messages(2)
    server.send(b"b" * 150 + b"\n", 1)
    server.wait_for_messages(3)
    sources = by_source(server.store)
    assert [source.split(b"@")[0] for source in sources] == [b"apps", b"wide"]
    assert list(sources.values()) == [[b"a" * 100, b"a" * 50], [b"b" * 150]]


def test_options_can_be_set_in_the_environment(logger):
    server = logger(listen=[], environment={"LOGSRV_LISTEN": LOOPBACK, "LOGSRV_MAX_LINE": "10"})
    server.send(b"0123456789abc\n")
    assert server.wait_for_messages(2) == [b"0123456789", b"abc"]


def test_every_kind_of_endpoint(logger, tmp_path):
    """One server listens on tcp, tcp6, udp, unix and unixgram."""
    server = logger(
        listen=[
            LOOPBACK,
            "tcp6:0:interface=\\:\\:1",
            f"unix:{tmp_path}/stream",
            f"unixgram:{tmp_path}/dgram",
            "udp:0:interface=127.0.0.1",
        ]
    )
    tcp, tcp6, udp = server.ports()
    with socket.create_connection(("127.0.0.1", tcp), PATIENCE) as connection:
        connection.sendall(b"tcp\n")
    server.wait_for_messages(1)
    with socket.create_connection(("::1", tcp6), PATIENCE) as connection:
        connection.sendall(b"tcp6\n")
    server.wait_for_messages(2)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(f"{tmp_path}/stream")
        connection.sendall(b"unix\n")
    server.wait_for_messages(3)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
        connection.sendto(b"unixgram", f"{tmp_path}/dgram")
    server.wait_for_messages(4)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        connection.sendto(b"udp", ("127.0.0.1", udp))
    server.wait_for_messages(5)
    lines = stored_lines(server.store)
    assert [line.message for line in lines] == [b"tcp", b"tcp6", b"unix", b"unixgram", b"udp"]
    assert [line.source.split(b":")[0] for line in lines] == [
        b"tcp",
        b"tcp",
        b"unix",
        b"unix",
        b"udp",
    ]
    assert lines[1].source.startswith(b"tcp:[::1]:")
