"""The same questions to several daemons at once: search, tail and their numbers, each line once.

Numbers are counted here, of lines that were put together: those that the nodes would count have each line
twice that two of them have.
"""

from __future__ import annotations

import re
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

from logsrv.cli.arguments import tell, usual_store
from logsrv.cli.configured import settings
from logsrv.cli.reading import arguments as reading
from logsrv.cli.reading.figures import parse_step, show_histogram, show_top, step_between
from logsrv.cli.reading.output import Output
from logsrv.errors import ConfigurationError, UsageError
from logsrv.kit.options.secrets import read_secret
from logsrv.kit.text.words import did_you_mean, shown
from logsrv.linelog.http.nodes.address import MOST, parse_nodes
from logsrv.linelog.http.nodes.body import NodeFailure
from logsrv.linelog.http.nodes.client import NodeClient, NodeQuestion, tls_context
from logsrv.linelog.http.nodes.gather import NodeSearch
from logsrv.linelog.http.nodes.merge import MergedLine, text_of
from logsrv.linelog.http.nodes.settings import NAME, NamedNodes, NodeSettings
from logsrv.linelog.http.nodes.spans import span_between
from logsrv.linelog.query.matching.match import Matcher
from logsrv.linelog.read.counting.histogram import StepCounts, counted
from logsrv.linelog.read.counting.tallies import ValueCounts
from logsrv.linelog.read.counting.values import counter
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.render import document, renderer, safe_json
from logsrv.linelog.read.search import Hit

_SECONDS = 75.0


def search_nodes(arguments: Namespace) -> int:
    """Print what `logsrv search` finds in the nodes; return the exit status."""
    _check(arguments)
    matcher = reading.matcher(arguments.query, "search")
    scope = reading.scope(arguments)
    figures = arguments.top is not None or arguments.histogram
    # These are not of the first lines, but of all.
    most = None if figures else arguments.number
    with _gathering(arguments, scope, "search", reverse=arguments.reverse, most=most) as gathering:
        if arguments.count:
            found = sum(len(lines) for lines in _at_most(gathering.spans(), most))
            print(found)
        elif arguments.top is not None:
            found = _top(gathering, arguments)
        elif arguments.histogram:
            found = _histogram(gathering, scope, arguments)
        else:
            render = _Renderer(arguments, matcher, gathering)
            with Output(paged=not arguments.no_pager) as output:
                found = 0
                for lines in _at_most(gathering.spans(), most):
                    found += len(lines)
                    for line in lines:
                        output.write(render(line))
                    output.settle()
        return _status(gathering, bool(found))


def tail_nodes(arguments: Namespace) -> int:
    """Print the last lines of the nodes; return the exit status."""
    if arguments.follow:
        raise UsageError(
            "-f follows one store; nodes have a line at different times, so nobody knows for how long "
            "it would have to wait for its double"
        )
    matcher = reading.matcher(arguments.query, "tail")
    scope = Scope(source=arguments.source)
    with _gathering(arguments, scope, "tail", reverse=True, most=arguments.number) as gathering:
        render = _Renderer(arguments, matcher, gathering)
        last = list(chain.from_iterable(_at_most(gathering.spans(), arguments.number)))
        with Output(paged=False) as output:
            for line in reversed(last):
                output.write(render(line))
        return _status(gathering, bool(last))


def show_node(arguments: Namespace) -> int:
    """Print the line at a position of a node, and its neighbours; return the exit status."""
    nodes = clients(arguments)
    if len(nodes) > 1:
        raise UsageError("a position is a place in one store; --nodes names several here")
    [node] = nodes
    try:
        window = node.around(arguments.position, arguments.around, arguments.around)
    except NodeFailure as error:
        tell(f"logsrv show: {node.name}: {error}")
        return reading.FAILED
    if not window:
        tell(f"logsrv show: no line begins at {arguments.position} of {node.name}")
        return reading.NOTHING
    render = renderer(reading.style(arguments))
    with Output(paged=False) as output:
        for line in window:
            hit = Hit(line.position, line.line)
            output.write(render(hit, line.position != arguments.position))
    return 0


def _check(arguments: Namespace) -> None:
    """Raise UsageError for options that are about one store."""
    if any(getattr(arguments, name) is not None for name in "ABC"):
        raise UsageError(
            "-A, -B and -C show neighbours in one store, and those of nodes differ; ask one of them"
        )
    if arguments.no_index or arguments.stats:
        raise UsageError("--no-index and --stats are about files, and nodes are asked over HTTP")
    if arguments.top == "position":
        raise UsageError("a line has another position in each node")


class _Renderer:
    """Makes the text of lines, as `search` of one store shows them."""

    def __init__(self, arguments: Namespace, matcher: Matcher, gathering: NodeSearch) -> None:
        self._as_json = arguments.output == "json"
        self._render = renderer(reading.style(arguments), matcher)
        self._names = [node.name for node in gathering.nodes]

    def __call__(self, line: MergedLine) -> bytes:
        hit = Hit(next(iter(line.places.values())), line.line)
        if not self._as_json:
            return self._render(hit, False)
        nodes = {self._names[number]: str(place) for number, place in line.places.items()}
        return safe_json({**document(hit), "nodes": nodes}).encode() + b"\n"


def _top(gathering: NodeSearch, arguments: Namespace) -> bool:
    tally = ValueCounts()
    count = counter(arguments.top)
    for lines in gathering.spans():
        total, counts = count(text_of(lines))
        tally.add(counts, total)
    return show_top(tally, arguments.top, arguments.number, arguments.output)


def _histogram(gathering: NodeSearch, scope: Scope, arguments: Namespace) -> bool:
    if arguments.every:
        step = parse_step(arguments.every)
    else:
        begin, end = scope.since, scope.until
        if not begin or not end:
            oldest, newest = gathering.times()
            begin, end = begin or oldest, end or newest
        step = step_between(begin, end)
    buckets = StepCounts(step)
    levels = arguments.output == "json"
    for lines in gathering.spans():
        buckets.add(counted([text_of(lines)], step, levels=levels))
    return show_histogram(buckets.listed(), step, arguments.output, local=arguments.local)


def _at_most(spans: Iterator[list[MergedLine]], most: int | None) -> Iterator[list[MergedLine]]:
    """Yield the lines of spans until there are `most`."""
    if most is None:
        yield from spans
        return
    while most > 0 and (lines := next(spans, None)) is not None:
        yield lines[:most]
        most -= len(lines)


def _status(gathering: NodeSearch, found: bool) -> int:
    if not gathering.is_whole:
        return reading.FAILED
    return 0 if found else reading.NOTHING


@contextmanager
def _gathering(
    arguments: Namespace, scope: Scope, command: str, *, reverse: bool, most: int | None
) -> Iterator[NodeSearch]:
    gathering = NodeSearch(
        clients(arguments),
        NodeQuestion(" ".join(arguments.query), scope.source, reverse),
        span_between(scope.since, scope.until),
        lambda name, sentence: tell(f"logsrv {command}: {name}: {sentence}"),
        now=time.time_ns() // 1000,
        most=most,
    )
    try:
        yield gathering
    finally:
        gathering.close()


def clients(arguments: Namespace) -> list[NodeClient]:
    """Return the nodes that `--nodes` names. Raises ConfigurationError."""
    if arguments.directory != usual_store():
        raise UsageError(
            "--directory is a store here, and --nodes asks others in its place; take one"
        )
    seconds = _SECONDS if arguments.nodes_timeout is None else arguments.nodes_timeout
    if not seconds:
        raise UsageError("--nodes-timeout 0 leaves no time for an answer")
    found: dict[str, NodeClient] = {}
    given_token, given_ca = _path(arguments.nodes_token_file), _path(arguments.nodes_ca)
    for rules in _sets(arguments):
        token = read_secret("nodes-token", None, given_token or rules.nodes_token_file)
        context = None
        for address in rules.nodes.nodes:
            if address.tls and context is None:
                context = tls_context(given_ca or rules.nodes_ca)
            if str(address) not in found:
                found[str(address)] = NodeClient(address, token=token, tls=context, seconds=seconds)
    if len(found) > MOST:
        raise UsageError(
            f"--nodes: {len(found)} nodes are too many; at most {MOST} are asked at once"
        )
    return list(found.values())


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)


def _sets(arguments: Namespace) -> list[NodeSettings]:
    """Return the nodes of the command line, with the settings of those that have a name."""
    words = [word.strip() for word in arguments.nodes.split(",") if word.strip()]
    if not words:
        raise UsageError(
            "--nodes: there is no address; write HOST:PORT, or a name of the configuration"
        )
    names = [word for word in words if re.fullmatch(NAME, word)]
    named = _named(arguments.config) if names else {}
    for name in names:
        if name not in named:
            known = (
                f"{did_you_mean(name, list(named))}; write HOST:PORT, or set it with --config FILE"
            )
            raise UsageError(f"--nodes: {shown(name)} is no name of nodes{known}")
    found = [named[name] for name in dict.fromkeys(names)]
    if addresses := [word for word in words if word not in names]:
        try:
            nodes = parse_nodes(",".join(addresses))
        except ValueError as error:
            raise UsageError(f"--nodes: {error}") from None
        found.append(NodeSettings(nodes=NamedNodes("", "", nodes)))
    return found


def _named(config: str | None) -> dict[str, NodeSettings]:
    """Return the sets of nodes by their names. Raises ConfigurationError."""
    given = {"config": [config]} if config is not None else {}
    try:
        sets = settings(given).node_sets
    except ConfigurationError as error:
        raise UsageError(str(error)) from None
    return {one.nodes.name: one for one in sets}
