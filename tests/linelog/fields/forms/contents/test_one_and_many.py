"""Contents of all forms: random lines, and broken ones, have the same fields alone and together."""

from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.fields.forms import contents
from tests.parts.examples import more
from tests.parts.mixed_lines import CONTENTS
from tests.parts.one_and_many import check_one_and_many, examples_of, texts_of

EXAMPLES = st.sampled_from([example.line for example in examples_of(contents)])


@more(4)
@given(texts_of(EXAMPLES | CONTENTS))
def test_contents_of_all_forms_are_the_same_alone_and_together(lines):
    check_one_and_many(lines)
