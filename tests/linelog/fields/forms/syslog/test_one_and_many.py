"""Headers of syslog: random lines, and broken ones, have the same fields alone and together."""

from hypothesis import example, given
from hypothesis import strategies as st

from logsrv.linelog.fields.forms import syslog
from tests.parts.examples import more
from tests.parts.mixed_lines import STAMP
from tests.parts.one_and_many import check_one_and_many, examples_of, mostly, texts_of

EXAMPLES = st.sampled_from([example.line for example in examples_of(syslog)])
PRIORITIES = mostly(["<34>", "<13>", ""], "<191>", "<0>", "<034>", "<192>", "<>")
TIMES = mostly(
    ["Nov 20 06:18:42 ", "Nov  1 06:18:42 ", "2026-11-20T06:18:42Z ", "1 2026-11-20T06:18:42Z "],
    *(
        "2026-11-20T06:18:42.123+01:00 ",
        "Fri Nov 20 06:18:42 ",
        "Nov 20 2026 06:18:42 ",
        "1 - ",
        "",
    ),
)
HOSTS = mostly(
    ["web1 ", "10.0.0.1 "], "UTC ", "error ", "last ", "- ", "From db7: ", "web/1 ", "dbg ", ""
)
TAGS = mostly(
    ["sshd[77]: ", "shop: ", "shop 77 ID9 - ", 'shop 77 ID9 [x@1 a="1" b="\\"2\\""] '],
    *(
        "shop - - [x@1 a=b] ",
        "Microsoft Word[7]: ",
        "ERROR: ",
        "warning tmm[7]: ",
        "a[",
        "(cron) ",
        "%HA: ",
    ),
    *("", "shop[7]:", "last: ", "CEF: ", "shop[7] ", "kern.info "),
)
CONTENTS = mostly(
    ["session opened", '{"level":"error","a":1}', "a=1 b=two", "[error] x"],
    *(
        "level=warn x=1",
        "",
        " ",
        "- x",
        "Failed password for bob from 1.2.3.4 port 22 ssh2",
        "INFO x\\x00",
    ),
    '10.0.0.9 - - [20/Nov/2026:06:18:42 +0000] "GET /" 503 5',
)
LINES = st.builds("{}{}{}{}{}".format, PRIORITIES, TIMES, HOSTS, TAGS, CONTENTS).map(str.encode)


@more(6)
@given(texts_of(LINES | EXAMPLES))
@example([STAMP + b"Nov 20 06:18:42 web1 ERROR: x", STAMP + b"Nov 20 06:18:42 error cron[7]: x"])
@example([STAMP + b"<13>Nov 20 06:18:42 last: x", STAMP + b"<13>Nov 20 06:18:42 cron[7]: x"])
def test_headers_of_syslog_are_the_same_alone_and_together(lines):
    check_one_and_many(lines)
