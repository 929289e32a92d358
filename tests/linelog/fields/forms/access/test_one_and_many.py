"""Access logs: random lines, and broken ones, have the same fields alone and together."""

from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.fields.forms import access
from tests.parts.examples import more
from tests.parts.one_and_many import check_one_and_many, examples_of, texts_of

EXAMPLES = st.sampled_from([example.line for example in examples_of(access)])
WORDS = st.sampled_from(
    [
        "-",
        "bob",
        "Bob Smith",
        "a b c",
        "",
        "10.0.0.9",
        "::1",
        "localhost",
        "x.y",
        "shop:80",
        "ERROR",
        "\u00e9",
    ]
)
VHOSTS = st.sampled_from(
    ["", "", "shop.example:443 ", "shop.example ", "[::1]:443 ", "_ ", "shop:x "]
)
TIMES = st.sampled_from(
    [*["20/Nov/2026:06:18:42 +0000"] * 5, "20/Nov/2026:06:18:42", "20/Nov/2026:06:18:42.123 -0130"]
)
REQUESTS = st.sampled_from(
    [
        "GET /a HTTP/1.1",
        "GET /?a=1&b=2 HTTP/2",
        "POST /a b HTTP/1.1",
        "GET /",
        "-",
        "",
        "x",
        '\\"q\\" /',
        "GET  /",
    ]
)
STATUSES = st.sampled_from(["200", "204", "301", "404", "429", "500", "503", "099", "20", "-"])
SIZES = st.sampled_from(["5", "0", "-", "1234567890", "x"])
BEHIND = st.sampled_from(
    [
        "",
        "",
        ' "-" "curl"',
        ' "https://x/?a=1 b=2" "curl rt=7"',
        ' "-" "a" "b"',
        ' "-" "a" rt=0.1 x="a b"',
        " rt=1",
        " rt=1 level=error",
        " x",
        ' "-"',
    ]
)
LINES = st.builds(
    '{}{} {} {} [{}] "{}" {} {}{}'.format,
    *(VHOSTS, WORDS, WORDS, WORDS, TIMES, REQUESTS, STATUSES, SIZES, BEHIND),
).map(str.encode)


@more(6)
@given(texts_of(LINES | EXAMPLES))
def test_lines_of_access_logs_are_the_same_alone_and_together(lines):
    check_one_and_many(lines)
