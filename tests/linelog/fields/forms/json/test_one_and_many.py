"""JSON objects: random ones, and broken ones, have the same fields alone and together."""

from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.fields.forms import json
from tests.parts.examples import more
from tests.parts.one_and_many import check_one_and_many, examples_of, texts_of

EXAMPLES = st.sampled_from([example.line for example in examples_of(json)])
KEYS = st.sampled_from(
    [
        "level",
        "lvl",
        "a",
        "b",
        "a.b",
        "name",
        "time",
        "s",
        "c",
        "t",
        "@l",
        "@t",
        "log",
        "status",
        "\u00e9",
    ]
)
NUMBERS = st.sampled_from(
    ["1", "-0", "1.50", "0.1", "1e5", "1E-3", "12345678901234567890123", "1e400", "007"]
)
SCALARS = NUMBERS | st.sampled_from(
    ["null", "true", '"x"', '"warn"', '"\\u0065rror"', '"1.50"', '"\\ud800"', "NaN", '""']
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.builds("[{}]".format, st.lists(inner, max_size=3).map(",".join))
        | st.lists(st.builds('"{}":{}'.format, KEYS, inner), max_size=3).map(
            lambda pairs: f"{{{','.join(pairs)}}}"
        )
    ),
    max_leaves=4,
)
LINES = st.lists(st.builds('"{}":{}'.format, KEYS, VALUES), max_size=5).map(
    lambda pairs: b"{%s}" % ",".join(pairs).encode()
)


@more(6)
@given(texts_of(LINES | EXAMPLES))
def test_objects_are_the_same_alone_and_together(lines):
    check_one_and_many(lines)
