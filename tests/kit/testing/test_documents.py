"""Conversations and examples are found in a document, played, and told apart from prose."""

import pytest
from twisted.internet.threads import deferToThread

from logsrv.kit import LineProtocol
from logsrv.kit.testing import examples, play, transcripts

pytest_plugins = ["logsrv.kit.testing.fixtures"]

DOCUMENT = """
Start it, and then:

```telnet 7000
hello …
> one
ONE
>

> quit
Connection closed by foreign host.
```

```sh
telnet localhost 7000
```

```python shout.py
class Shout: ...
```

```python
x = 1
```
"""


class Shout(LineProtocol):
    def connection_made(self) -> None:
        self.send_line(f"hello {self.peer}")

    def line_received(self, line: str) -> None:
        if line == "quit":
            self.close()
        else:
            self.send_line(line.upper())


def test_conversations_and_examples_are_found():
    (transcript,) = transcripts(DOCUMENT)
    assert (transcript.port, transcript.line) == (7000, 5)
    assert transcript.steps == (
        (False, "hello …"),
        (True, "one"),
        (False, "ONE"),
        (True, ""),
        (False, ""),
        (True, "quit"),
        (False, "Connection closed by foreign host."),
    )
    named, plain = examples(DOCUMENT)
    assert (named.name, named.code) == ("shout.py", "class Shout: ...\n")
    assert (plain.name, plain.code) == (None, "x = 1\n")


@pytest.mark.parametrize("fence", ["```telnet", "```telnet localhost"])
def test_a_conversation_needs_a_port(fence):
    with pytest.raises(ValueError, match="line 2: a conversation begins with ```telnet and a port"):
        transcripts(f"{fence}\nhi\n```\n")


async def test_play_succeeds_or_shows_the_difference(serving):
    """What the document says is what happens; if not, it is told where they part."""
    running = serving(Shout)
    (transcript,) = transcripts(DOCUMENT)
    await deferToThread(play, transcript, running.port)
    (wrong,) = transcripts(DOCUMENT.replace("ONE", "TWO"))
    with pytest.raises(AssertionError, match="'TWO' was expected, 'ONE' came"):
        await deferToThread(play, wrong, running.port)
