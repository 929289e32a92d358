"""Bulk requests of Elasticsearch and OpenSearch.

Clients also ask about the server and its license first. The answer has an item for each action.
"""

from logsrv.linelog.intake.over_http.http_format import HttpFormat
from logsrv.linelog.ship.targets.http_plugin import posting_plugin

bulk = HttpFormat(
    "bulk",
    "logsrv.linelog.formats.bulk.input:routes",
    "bulk requests of Elasticsearch's clients",
)
elasticsearch = posting_plugin(
    "elasticsearch",
    "es",
    "logsrv.linelog.formats.bulk.target:ElasticsearchTarget",
    path="/*(?!_bulk/*$)[^/].*",
    without_path="names no index, such as {server}/logs-logsrv-default",
)
