"""Words of programs: random lines, and broken ones, have the same fields alone and together."""

from hypothesis import example, given
from hypothesis import strategies as st

from logsrv.linelog.fields.forms import programs
from tests.parts.examples import more
from tests.parts.mixed_lines import STAMP
from tests.parts.one_and_many import check_one_and_many, examples_of, mostly, texts_of

EXAMPLES = st.sampled_from([example.line for example in examples_of(programs)])
HEADERS = mostly(
    ["", "<38>Nov 20 06:18:42 web1 sshd[77]: "],
    "<38>Nov 20 06:18:42 web1 cron[77]: ",
    "sshd[7]: ",
    "cron: ",
)
WORDS = mostly(
    ["Accepted publickey for ", "Failed password for invalid user ", "Failed none for "],
    *("Postponed keyboard for ", "Invalid user ", "Connection closed by authenticating user "),
    *("Disconnected from user ", "Received disconnect from ", "LOG:  duration: ", "Failed "),
)
USERS = mostly(["ann", "x from 1.2.3.4 port 5"], "", "a=1 b=2", "12.345 ms", "\u00e9", "a b")
PEERS = mostly(
    [" from 203.0.113.9 port 48462", " from ::1 port 5"], " 1.2.3.4 port 22", " from x port 1", ""
)
BEHIND = mostly(["", " ssh2"], " [preauth]", ": 11: bye", " ssh2 a=1 b=2", " port 7")
LINES = st.builds("{}{}{}{}{}".format, HEADERS, WORDS, USERS, PEERS, BEHIND).map(str.encode)


@more(6)
@given(texts_of(LINES | EXAMPLES))
@example(
    [STAMP + b"<38>Nov 20 06:18:42 web1 cron[77]: Accepted publickey for ann from ::1 port 5 ssh2"]
)
def test_messages_of_programs_are_the_same_alone_and_together(lines):
    check_one_and_many(lines)
