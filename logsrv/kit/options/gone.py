"""Options and commands of earlier versions, each with what to use instead.

Someone who still has one in a script or a configuration gets that sentence.
"""

from __future__ import annotations

SINCE = "0.2"

GONE = {
    "logsrv generate": "the Debian package has manual pages and completions; `make manuals` in a checkout"
    " writes them",
    "logsrv replay": "give `twistd logsrv` a `--ship` target with `--ship-from beginning`,"
    " or pipe: logsrv search --output raw QUERY | nc HOST PORT",
}
"""What to use instead, by the program and the word that it knew.

`logsrv --nodes` is an option of `twistd logsrv`, `logsrv search --nodes` one of a command, and
`logsrv replay` a command. A key of the configuration stands here as its option.
"""


def gone_sentence(program: str, word: str) -> str | None:
    """Return the sentence about an option or command that `program` had; None if it never had it."""
    instead = GONE.get(f"{program} {word}")
    return f"gone since {SINCE}: {instead}" if instead else None
