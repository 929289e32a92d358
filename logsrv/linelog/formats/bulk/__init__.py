"""Bulk requests of Elasticsearch and OpenSearch.

Clients also ask about the server and its license first. The answer has an item for each action.
"""

from logsrv.linelog.formats.http.routes import HttpFormat

bulk = HttpFormat(
    "bulk",
    "logsrv.linelog.formats.bulk.input:routes",
    "bulk requests of Elasticsearch's clients",
)
