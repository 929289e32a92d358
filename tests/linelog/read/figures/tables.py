"""Tables of figures, asked of a store as a terminal asks them."""

from contextlib import closing

from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.pipeline import parse_question
from logsrv.linelog.read.answer_kinds import after_stages
from logsrv.linelog.read.figures.group_table import Rows
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.stores_search import StoresSearch, StoresView
from logsrv.linelog.read.view import View
from logsrv.linelog.stages.figures import Figures
from tests.parts.made_columns import columns_for_few_frames


def ask(view: View, query: str, scope: Scope) -> Rows:
    """Return the table of a query, by columns where there are any."""
    asked = parse_question(query)
    assert isinstance(asked.answer, Figures)
    kind = StoresSearch if isinstance(view, StoresView) else Search
    with (
        columns_for_few_frames(),
        closing(kind(view, make_matcher(asked.node), scope, processes=1)) as search,  # type: ignore[arg-type]
    ):
        found = asked.answer.rows(search, asked.extractions)
    return after_stages(found, asked.answer, asked.row_stages)
