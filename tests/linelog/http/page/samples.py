"""Lines as a small service would write them over a quarter of an hour: for pictures and figures."""

import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

_PATHS = ("/", "/api/orders", "/api/orders/1842", "/static/app.css", "/login", "/api/search?q=soup")


def samples(until: datetime, minutes: int = 15, each: int = 1800) -> Iterator[dict[str, Any]]:
    """Yield what `Logs.send` takes for `each` lines, the last of them at `until`. Always the same."""
    dice = random.Random(4)
    begin = until - timedelta(minutes=minutes)
    moments = sorted(_moment(dice, minutes * 60) for _ in range(each))
    for seconds in moments:
        # Ten minutes in, the database was slow.
        storm = 580 < seconds < 660
        yield {"time": begin + timedelta(seconds=seconds), **_line(dice, storm)}


def _moment(dice: random.Random, seconds: int) -> float:
    if dice.random() < 0.28:
        return min(seconds - 0.01, abs(dice.gauss(620, 24)))
    return dice.random() * seconds


def _line(dice: random.Random, storm: bool) -> dict[str, Any]:
    kind = dice.random()
    if kind < (0.25 if storm else 0.02):
        return _database(dice, storm)
    if kind < 0.55:
        return _web(dice, storm)
    if kind < 0.75:
        return _shop(dice)
    return _system(dice)


def _web(dice: random.Random, storm: bool) -> dict[str, Any]:
    status = dice.choice((500, 502, 200)) if storm and dice.random() < 0.4 else 200
    status = 404 if status == 200 and dice.random() < 0.05 else status
    client, path, size = (
        f"198.51.100.{dice.randrange(4, 60)}",
        dice.choice(_PATHS),
        dice.randrange(9000),
    )
    what = f'"GET {path} HTTP/1.1" {status} {size}'
    message = f"{client} - - [20/Nov/2026:06:18:42 +0000] {what}"
    fields = {
        "client": client, "method": "GET", "path": path, "protocol": "HTTP/1.1",
        "status": status, "bytes": size,
    }  # fmt: skip
    level = {"5": "error", "4": "warning"}.get(str(status)[0])
    return {
        "messages": [message], "source": "web@tcp:10.0.0.4:38112", **fields, "level": level,
        "name": "web",
    }  # fmt: skip


def _database(dice: random.Random, storm: bool) -> dict[str, Any]:
    wait = dice.randrange(900, 9000)
    if storm and dice.random() < 0.08:
        message = "PANIC: could not write to file pg_wal/xlogtemp.1423: No space left on device"
        return {"messages": [message], "source": "db@tcp:10.0.0.9:40112", "level": "critical",
                "name": "db"}  # fmt: skip
    message = (
        f"ERROR: canceling statement due to lock timeout after {wait} ms, table=orders user=shop"
    )
    return {
        "messages": [message], "source": "db@tcp:10.0.0.9:40112", "level": "error",
        "table": "orders", "user": "shop", "name": "db",
    }  # fmt: skip


def _shop(dice: random.Random) -> dict[str, Any]:
    order, took = dice.randrange(1800, 1990), round(dice.random() * 300, 1)
    level = dice.choices(("info", "debug", "warning"), (8, 3, 1))[0]
    text = {"info": "order placed", "debug": "cart loaded", "warning": "retrying payment"}[level]
    fields = {"level": level, "msg": text, "order": order, "took_ms": took}
    about = {name: value for name, value in fields.items() if name != "level"}
    return {"messages": [json.dumps(fields)], "source": "shop@tcp:10.0.0.5:51877", "level": level,
            **about, "name": "shop"}  # fmt: skip


def _system(dice: random.Random) -> dict[str, Any]:
    choice = dice.randrange(4)
    if choice == 0:
        user = dice.choice(("root", "admin", "git"))
        pid, host = dice.randrange(900, 9999), f"203.0.113.{dice.randrange(9)}"
        what = f"Failed password for {user} from {host} port 52311 ssh2"
        message = f"<38>Nov 20 06:18:42 gate sshd[{pid}]: {what}"
        about = {"facility": "auth", "severity": "info", "hostname": "gate", "app": "sshd",
                 "pid": str(pid), "text": what}  # fmt: skip
        return {"messages": [message], "source": "udp:10.0.0.1:514", "level": "info", **about}
    if choice == 1:
        what = "Started Daily apt upgrade and clean activities."
        message = f"<29>Nov 20 06:18:42 gate systemd[1]: {what}"
        about = {"facility": "daemon", "severity": "notice", "hostname": "gate", "app": "systemd",
                 "pid": "1", "text": what}  # fmt: skip
        return {"messages": [message], "source": "udp:10.0.0.1:514", "level": "notice", **about}
    if choice == 2:
        build = f"\\x1b[36m#{dice.randrange(700, 800)}\\x1b[0m"
        took = f"\\x1b[33m{dice.randrange(9, 90)} s\\x1b[0m"
        message = f"\\x1b[32m✓\\x1b[0m build {build} passed in {took}"
        return {"messages": [message], "source": "tcp:10.0.0.7:60112"}
    return {"messages": [f"temperature=21.{dice.randrange(10)} humidity=4{dice.randrange(10)}"],
            "source": "tcp:10.0.0.8:33110", "temperature": 21.4}  # fmt: skip
