"""The routes of Elasticsearch's clients: bulk requests, and the questions that come before them."""

from logsrv.linelog.formats.bulk.parse import (
    ABOUT,
    HEADERS,
    LICENSE,
    add_bulk_documents,
    count_bulk_documents,
)
from logsrv.linelog.formats.http.routes import Route, Routes


def routes() -> Routes:
    """Return the routes of one listener."""
    bulk = Route(
        (b"POST", b"PUT"),
        add_bulk_documents,
        count_bulk_documents,
        headers=HEADERS,
    )
    return {
        "/": (Route((b"GET", b"HEAD"), about=ABOUT, headers=HEADERS),),
        "/_license": (Route((b"GET", b"HEAD"), about=LICENSE, headers=HEADERS),),
        "/_bulk": (bulk,),
        "/INDEX/_bulk": (bulk,),
    }
