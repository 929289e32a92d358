"""IRC (RFC 2812): channels and private messages."""

from __future__ import annotations

import re
from collections import defaultdict

from logsrv.kit import Connection, LineProtocol, RunningService, protocol_plugin

HOST = "irc.example"
NICK, CHANNEL = re.compile(r"[A-Za-z_][\w-]{0,15}"), re.compile(r"#[^\s,\x07]{1,49}")


class Network:
    """Those who have a nick, and the members of each channel."""

    def __init__(self, service: RunningService[object, Network]) -> None:
        self.nicks: dict[str, Irc] = {}
        self.channels: defaultdict[str, set[Irc]] = defaultdict(set)


class Irc(LineProtocol[object, Network]):
    telnet = False
    max_line = 512
    nick = ""

    def line_received(self, line: str) -> None:
        head, _, text = line.partition(" :")
        match [*head.split(), *([text] if text else [])]:
            case ["PING", token, *_]:
                self.send_line(f":{HOST} PONG {HOST} :{token}")
            case ["NICK", nick] if not NICK.fullmatch(nick):
                self.reply(432, nick, "Erroneous nickname")
            case ["NICK", nick] if nick in self.service.state.nicks:
                self.reply(433, nick, "Nickname is already in use")
            case ["NICK", nick]:
                self.service.state.nicks.pop(self.nick, None)
                self.service.state.nicks[nick] = self
                self.nick = nick
                self.reply(1, "Welcome")
            case ["QUIT", *_]:
                self.close("ERROR :Bye")
            case ["USER" | "CAP" | "MODE" | "WHO", *_]:
                pass
            case _ if not self.nick:
                self.reply(451, "You have not registered")
            case ["JOIN", channel, *_] if CHANNEL.fullmatch(channel):
                self.service.state.channels[channel].add(self)
                self.say(channel, f"JOIN {channel}")
            case ["PART", channel, *_] if self in self.members(channel):
                self.say(channel, f"PART {channel}")
                self.leave(channel)
            case ["PRIVMSG", to, text] if self in self.members(to):
                self.say(to, f"PRIVMSG {to} :{text}", but=self)
            case ["PRIVMSG", to, text] if to in self.service.state.nicks:
                self.service.state.nicks[to].send_line(f":{self.nick} PRIVMSG {to} :{text}")
            case [command, *_]:
                self.reply(401, command, "No such command, nick or channel")

    def connection_lost(self, reason: str) -> None:
        self.service.state.nicks.pop(self.nick, None)
        for channel in [
            name for name, members in self.service.state.channels.items() if self in members
        ]:
            self.leave(channel)
            self.say(channel, "QUIT :gone")

    def members(self, channel: str) -> set[Irc]:
        return self.service.state.channels.get(channel, set())

    def leave(self, channel: str) -> None:
        members = self.members(channel)
        members.discard(self)
        if not members:
            self.service.state.channels.pop(channel, None)

    def say(self, channel: str, text: str, but: Irc | None = None) -> None:
        line = f":{self.nick}!{self.nick}@{HOST} {text}"
        self.service.broadcast(line, but=but, to=self.members(channel))

    def reply(self, number: int, *words: str) -> None:
        *middle, last = words
        self.send_line(" ".join([f":{HOST} {number:03} {self.nick or '*'}", *middle, f":{last}"]))


async def operator(connection: Connection[object, Network]) -> None:
    """Lists the channels, and says a line to everybody."""
    async for line in connection:
        match line.split(" ", 1):
            case ["channels"]:
                for name, members in sorted(connection.service.state.channels.items()):
                    connection.send_line(f"{name} {len(members)}")
                connection.send_line(".")
            case ["wall", text]:
                connection.service.broadcast(f":{HOST} NOTICE * :{text}")
            case _:
                connection.send_line("channels, or wall TEXT")


plugin = protocol_plugin(
    "irc",
    Irc,
    state=Network,
    listeners={"operator": operator},
    listen=("tcp:6667", "operator:tcp:6668:interface=127.0.0.1"),
)
