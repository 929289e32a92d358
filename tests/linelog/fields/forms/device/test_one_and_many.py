"""Headers of devices: random lines, and broken ones, have the same fields alone and among others."""

from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.fields.forms import device
from tests.parts.examples import more
from tests.parts.one_and_many import check_one_and_many, examples_of, texts_of

EXAMPLES = st.sampled_from([example.line for example in examples_of(device)])
USUAL = st.sampled_from([b"<13>Nov 20 06:18:42 web1 cron[7]: ran", b"plain text", b"a=1 b=2"])


@more(4)
@given(texts_of(EXAMPLES | USUAL))
def test_headers_of_devices_are_the_same_alone_and_among_others(lines):
    check_one_and_many(lines)
