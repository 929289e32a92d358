"""The routes of Elasticsearch's clients: bulk requests, and the questions that come before them.

GET /                  the version: Beats, Logstash, Fluentd, Vector
GET /_license          whether the license is active: Beats, Logstash
GET /_cluster/health   whether the store takes documents: Vector; /_cat/health: rsyslog
"""

from twisted.internet.defer import succeed

from logsrv.linelog.formats.bulk.parse import (
    ABOUT,
    HEADERS,
    LICENSE,
    add_bulk_documents,
    cat_health,
    cluster_health,
    count_bulk_documents,
)
from logsrv.linelog.intake.over_http.body import Body, QuestionBody, RequestHead, require_open_store
from logsrv.linelog.intake.over_http.routes import Route, Routes
from logsrv.reactor import time_of_day


def routes() -> Routes:
    """Return the routes of one listener."""
    bulk = Route(
        (b"POST", b"PUT"),
        add_bulk_documents,
        count_bulk_documents,
        headers=HEADERS,
    )
    asking = (b"GET", b"HEAD")
    return {
        "/": (Route(asking, about=ABOUT, headers=HEADERS),),
        "/_license": (Route(asking, about=LICENSE, headers=HEADERS),),
        "/_cluster/health": (Route(asking, ready=cluster_health(), headers=HEADERS),),
        "/_cat/health": (Route(asking, own=_answer_with_time, headers=HEADERS),),
        "/_bulk": (bulk,),
        "/INDEX/_bulk": (bulk,),
    }


def _answer_with_time(head: RequestHead) -> Body:
    """Return the body of a question for the health. Raises RequestRefused while the store takes nothing."""
    require_open_store(head.intake)
    answer = cat_health(time_of_day(head.intake.clock))
    return QuestionBody(succeed(answer), head.intake)
