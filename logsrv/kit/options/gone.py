"""Options and commands of earlier versions, each with what to use instead.

Someone who still has one in a script or a configuration gets that sentence.
"""

from __future__ import annotations

_CENTRE = "ask a centre, to which the others ship"
_OF_NODES = ("--nodes", "--nodes-token-file", "--nodes-ca", "--nodes-timeout", "--config")

_COPIED = "`logsrv backup` the other centre, carry that here, and `logsrv restore` it"

GONE = {
    "logsrv generate": "the Debian package has manual pages and completions; `make manuals` in a checkout"
    " writes them",
    "logsrv --nodes": f"{_CENTRE}; its page has the lines of all",
    "logsrv --nodes-token-file": f"{_CENTRE}; its page has the lines of all",
    "logsrv --nodes-ca": f"{_CENTRE}; its page has the lines of all",
    **{
        f"logsrv {command} {option}": f"{_CENTRE}, or each server, and merge their lines by time:"
        f" sort -m <(ssh a logsrv {command} …) <(ssh b logsrv {command} …)"
        for command in ("search", "tail")
        for option in _OF_NODES
    },
    **{
        f"logsrv show {option}": "run it on the server that has the line: ssh a logsrv show POSITION"
        for option in _OF_NODES
    },
    "API nodes": "ask each server, and merge their lines by time; or ask a centre, to which they ship",
    "logsrv --restore-token": _COPIED,
    "logsrv --restore-token-file": _COPIED,
    "logsrv restore --token-file": _COPIED,
    "logsrv restore --ca": _COPIED,
    "logsrv restore --cert": _COPIED,
    "logsrv restore --key": _COPIED,
    "logsrv doctor --json": "the exit status is 1 when something is wrong; each finding is a line"
    " `WEIGHT: NAME: WHAT`",
    "logsrv connect --hex": "pipe: logsrv connect ENDPOINT | od -A d -t x1z",
    "logsrv connect --raw": "what goes to a file or pipe is unchanged",
    "logsrv connect --crlf": "pipe: sed 's/$/\\r/' | logsrv connect ENDPOINT",
    "logsrv connect --lf": "the input is sent unchanged",
    "logsrv connect --timeout": "timeout SECONDS logsrv connect ENDPOINT",
    "logsrv connect --wait": "keep the input open: (cat FILE; sleep SECONDS) | logsrv connect ENDPOINT",
    "logsrv connect --cafile": "tls:HOST:PORT:cafile=FILE",
    "logsrv connect --server-name": "tls:HOST:PORT:hostname=NAME",
    "logsrv connect --certificate": "tls:HOST:PORT:certKey=FILE",
    "logsrv connect --key": "tls:HOST:PORT:certKey=FILE:privateKey=FILE",
    "logsrv connect --insecure": "tls:HOST:PORT:cafile=FILE with the server's own certificate,"
    " or openssl s_client -quiet -connect HOST:PORT",
    "logsrv connect udp:": "nc -u HOST PORT",
    "logsrv connect unixgram:": "nc -uU PATH",
    "gopher mirror --delete": "--update lists what no menu leads to any more; remove those copies by hand",
    "logsrv replay": "give `twistd logsrv` a `--ship` target with `--ship-from beginning`,"
    " or pipe: logsrv search --output raw QUERY | nc HOST PORT",
}
"""What to use instead, by the program and the word that it knew.

`logsrv --nodes` is an option of `twistd logsrv`, `logsrv search --nodes` one of a command, `logsrv replay`
a command, `logsrv connect udp:` a kind of endpoint, and `API nodes` a parameter. A key of the configuration
stands here as its option.
"""


def gone_sentence(program: str, word: str) -> str | None:
    """Return the sentence about an option or command that `program` had; None if it never had it."""
    instead = GONE.get(f"{program} {word}")
    return f"gone: {instead}" if instead else None
