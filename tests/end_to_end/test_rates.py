"""The line logger with limits for one address."""

import socket
import time

from tests.parts.daemons import LOOPBACK


def test_a_fast_sender_waits_and_all_of_it_is_stored(logger):
    """With 500 lines a second the first are stored at once, the others later; none is missing."""
    server = logger("--peer-lines", "500")
    lines = [b"line %d" % number for number in range(800)]
    began = time.monotonic()
    server.send(b"\n".join(lines) + b"\n")
    assert server.wait_for_messages(len(lines)) == lines
    assert time.monotonic() - began > 0.5
    server.wait_for_log("slows down 127.0.0.1, which sends more than its limits allow")


def test_waiting_lines_of_a_limited_sender_are_stored_at_a_stop(logger):
    server = logger("--peer-lines", "1")
    lines = [b"line %d" % number for number in range(100)]
    server.send(b"\n".join(lines) + b"\n")
    server.wait_for_log("slows down")
    server.stop()
    assert server.messages() == lines
    assert "0 connections cut off" in server.log()


def test_datagrams_beyond_the_limit_are_dropped(logger):
    server = logger("--peer-lines", "5", listen=["udp:0:interface=127.0.0.1", LOOPBACK])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for number in range(20):
            sender.sendto(b"datagram %d" % number, ("127.0.0.1", server.ports()[0]))
    server.wait_for_log("drops datagrams of 127.0.0.1, which sends more than its limits allow")
    server.wait_for_messages(5)
    server.stop()
    assert "datagrams_limited_total" in server.log()
