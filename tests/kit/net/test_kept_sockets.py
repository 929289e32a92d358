"""Sockets that were given: each is known by what it is, and closed when nobody wants it."""

import contextlib
import os
import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from logsrv.kit.net.bind import listening_address_of, socket_file_id
from logsrv.kit.net.kept_sockets import KeptSockets, ListeningAddress
from logsrv.kit.net.parse import parse_endpoint
from tests.parts.ports import free_port
from tests.parts.reactor import logged

Told = list[tuple[bytes, list[int]]]


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """At a port whose number a socket for datagrams can have as well."""
    with socket.create_server(("127.0.0.1", free_port())) as made:
        yield made


def place_at(listening: socket.socket) -> ListeningAddress:
    place = listening_address_of(
        parse_endpoint(f"tcp:{listening.getsockname()[1]}:interface=127.0.0.1")
    )
    assert place is not None
    return place


def is_open(descriptor: int) -> bool:
    with contextlib.suppress(OSError):
        os.fstat(descriptor)
        return True
    return False


def test_a_socket_of_the_store_is_taken_once(listening):
    place = place_at(listening)
    given = os.dup(listening.fileno())
    kept = KeptSockets([(given, place.name)], lambda *_: None)
    taken = kept.take(place)
    assert taken is not None
    assert taken.getsockname() == listening.getsockname()
    assert kept.take(place) is None
    assert not kept.outlives(place), "a reload may take its listener out"
    kept.leaving = True
    assert kept.outlives(place)
    taken.close()
    assert not is_open(given)


def test_the_socket_of_a_unit_stays_for_the_next_listener(listening):
    place = place_at(listening)
    kept = KeptSockets([(listening.fileno(), "lines")])
    for _ in range(2):
        assert kept.holds(place)
        taken = kept.take(place)
        assert taken is not None
        taken.close()
    assert kept.outlives(place)
    kept.close_unwanted()
    assert is_open(listening.fileno()), "a listener with systemd: may want it"


def test_only_a_listening_socket_is_taken(listening, tmp_path):
    """Names are not believed: another kind, another place, no socket, a closed file."""
    place = place_at(listening)
    port = listening.getsockname()[1]
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
        socket.create_server(("127.0.0.1", 0)) as other,
        socket.socket() as connecting,
        (tmp_path / "file").open("wb") as file,
    ):
        datagrams.bind(("127.0.0.1", port))
        connecting.connect(("127.0.0.1", port))
        accepted, _ = listening.accept()
        with accepted:
            wrong: list[Any] = [datagrams, other, connecting, accepted, file]
            given = [(each.fileno(), place.name) for each in wrong]
            kept = KeptSockets([*given, (99_999, place.name)], lambda *_: None)
            assert not kept.holds(place)
            assert kept.take(place) is None


def test_an_unwanted_kept_socket_is_closed_and_forgotten(listening):
    told: Told = []
    name = place_at(listening).name
    given = os.dup(listening.fileno())
    kept = KeptSockets(
        [(given, name), (listening.fileno(), "another's")],
        lambda data, descriptors: told.append((data, list(descriptors))),
    )
    kept.close_unwanted()
    assert told == [(f"FDSTOREREMOVE=1\nFDNAME={name}\n".encode(), [])]
    assert not is_open(given)
    assert is_open(listening.fileno())


def test_an_untaken_socket_of_a_unit_is_warned_about(listening):
    """Peers connect there, and their lines wait for ever: it is not said anywhere else."""
    place = place_at(listening)
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as named:
        given = [(each.fileno(), "logsrv.socket") for each in (listening, named)]
        kept = KeptSockets([*given, (99_999, "logsrv.socket")])
        untaken = [f"127.0.0.1:{listening.getsockname()[1]}", f"[::1]:{named.getsockname()[1]}"]
        assert kept.untaken_addresses() == untaken
        with logged() as messages:
            kept.close_unwanted()
        assert [message.split(",")[0] for message in messages] == [
            f"the service manager listens at {one}" for one in untaken
        ]
        taken = kept.take(place)
        assert taken is not None
        taken.close()
        kept.note_adopted(named.fileno(), "systemd:domain=INET6:index=1")
        assert kept.untaken_addresses() == []


def test_a_socket_of_a_unit_is_for_one_listener(listening):
    """Two would take turns with its peers: by number, by name, or by its place."""
    place, number = place_at(listening), listening.fileno()
    kept = KeptSockets([(number, "logsrv.socket")])
    kept.note_adopted(number, "systemd:INET:index=0")
    with pytest.raises(OSError, match="listener at systemd:INET:index=0 has that socket"):
        kept.note_adopted(number, "systemd:INET:name=logsrv.socket")
    with pytest.raises(OSError, match="listener at systemd:INET:index=0 has that socket"):
        kept.take(place)
    kept.note_listener_ended("systemd:INET:name=logsrv.socket")
    # Its text after a reload, another object.
    kept.note_listener_ended("".join(["systemd:INET:", "index=0"]))
    taken = kept.take(place)
    assert taken is not None
    taken.close()
    with pytest.raises(OSError, match=f"listener at 127.0.0.1:{place.address[1]} has that socket"):
        kept.note_adopted(number, "systemd:INET:index=0")
    kept.note_listener_ended(place)
    kept.note_adopted(number, "systemd:INET:index=0")


def test_a_listener_is_kept_once_and_forgotten(listening):
    told: Told = []
    place = place_at(listening)
    kept = KeptSockets((), lambda data, descriptors: told.append((data, list(descriptors))))
    for _ in range(2):
        kept.give_to_manager(place, listening.fileno())
    kept.remove_from_manager(place)
    kept.remove_from_manager(place)
    assert told == [
        (f"FDSTORE=1\nFDNAME={place.name}\n".encode(), [listening.fileno()]),
        (f"FDSTOREREMOVE=1\nFDNAME={place.name}\n".encode(), []),
    ]


def test_a_unix_socket_whose_file_is_gone_or_anothers_is_not_taken(tmp_path):
    """Clients find a socket by its file: RuntimeDirectory= may have been removed between two starts."""
    path = tmp_path / "a:b\N{SNOWMAN}.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def place() -> ListeningAddress:
            return ListeningAddress(
                socket.SOCK_STREAM, socket.AF_UNIX, os.fsencode(path), socket_file_id(str(path))
            )

        name = place().name
        assert re.fullmatch("[!-9;-~]{1,255}", name), "as FDNAME= has to be"
        kept = KeptSockets([(os.dup(listening.fileno()), name)], lambda *_: None)
        assert kept.holds(place())
        path.unlink()
        assert not kept.holds(place())
        with socket.socket(socket.AF_UNIX) as another:
            another.bind(str(path))
            another.listen()
            assert not kept.holds(place())
            kept.close_unwanted()


@pytest.mark.parametrize("text", ["tcp:0", "udp:0", "stdin:", "systemd:domain=INET:index=0"])
def test_a_port_of_0_is_never_kept(text):
    assert listening_address_of(parse_endpoint(text)) is None
