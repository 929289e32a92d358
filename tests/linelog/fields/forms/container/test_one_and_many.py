"""Prefixes of containers: random lines, and broken ones, have the same fields alone and together."""

from hypothesis import example, given
from hypothesis import strategies as st

from logsrv.linelog.fields.forms import container
from tests.parts.examples import more
from tests.parts.mixed_lines import STAMP
from tests.parts.one_and_many import check_one_and_many, examples_of, mostly, texts_of

EXAMPLES = st.sampled_from([example.line for example in examples_of(container)])
TIMES = mostly(
    ["2026-11-20T06:18:42.123456789Z ", "2026-11-20T06:18:42.5+01:00 "], "2026-11-20T06:18:42Z ", ""
)
BEFORE = mostly([""], "web-1  | ", "shop | ", "[pod/shop-7d9/web] ", "[pod/shop] ")
STREAMS = mostly(["stdout F ", "stderr F ", ""], "stdout P ", "stdout F:x ", "stdin F ")
CONTENTS = mostly(
    ["cache is cold", '{"level":"error","a":1.50}', "ERROR x", "[pod/shop-7d9/web] x"],
    *("{", "[error] x", "a=1 b=2", "", "<13>x", "Nov 20 06:18:42 web1 shop[7]: x", "Word[7]: x"),
)
LINES = st.builds("{}{}{}{}".format, BEFORE, TIMES, STREAMS, CONTENTS).map(str.encode)


@more(6)
@given(texts_of(LINES | EXAMPLES))
@example(
    [
        STAMP + b"2026-11-20T06:18:42Z stdout F Word[7]: x",
        STAMP + b"2026-11-20T06:18:42Z stdout F x",
    ]
)
def test_lines_of_containers_are_the_same_alone_and_together(lines):
    check_one_and_many(lines)
