"""The commands search, tail and show for several daemons at once; each line appears once.

Lines are counted here, after merging: the sum of the nodes' own counts would count a line that two nodes
have twice.
"""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path

import attrs

from logsrv.cli.arguments import tell
from logsrv.cli.reading import arguments as reading
from logsrv.cli.reading.around import make_search_scope
from logsrv.cli.reading.figures import print_time_buckets, print_value_counts, step_seconds
from logsrv.cli.reading.output import Output
from logsrv.cli.settings_of_service import settings
from logsrv.errors import ConfigurationError, UsageError
from logsrv.kit.text.words import did_you_mean, shown
from logsrv.linelog.http.nodes.address import MOST, parse_node_addresses
from logsrv.linelog.http.nodes.answer import fetch_line_and_neighbours
from logsrv.linelog.http.nodes.client import NodeClient
from logsrv.linelog.http.nodes.declared import read_node_set, unique_nodes
from logsrv.linelog.http.nodes.gather import AskedNodes
from logsrv.linelog.http.nodes.merge import MergedLine, lines_as_text
from logsrv.linelog.http.nodes.node_settings import NAME, NamedNodes, NodeSettings
from logsrv.linelog.http.nodes.spans import NodeQuestion, span_between
from logsrv.linelog.query.language.question import FUNCTIONS
from logsrv.linelog.query.matching.match import Matcher
from logsrv.linelog.read.counting.histogram import StepCounts, count_by_step
from logsrv.linelog.read.counting.tallies import ValueCounts
from logsrv.linelog.read.counting.values import make_value_counter
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.render import hit_document, make_renderer, safe_json
from logsrv.linelog.read.search import Hit

_SECONDS = 75.0
# Lines are counted in portions of this many.
_PORTION = 20_000


@contextmanager
def _ask_nodes(arguments: Namespace, command: str) -> Iterator[AskedNodes]:
    nodes = node_clients(arguments)
    try:
        yield AskedNodes(
            nodes, lambda name, sentence: tell(f"logsrv {command}: {name}: {sentence}")
        )
    finally:
        for node in nodes:
            node.stop_request()


def _merged_lines(
    asked: AskedNodes, arguments: Namespace, scope: Scope, *, reverse: bool, most: int | None
) -> Iterator[MergedLine]:
    """Return the first `most` merged lines of all nodes."""
    span = span_between(scope.since, scope.until)
    question = NodeQuestion(" ".join(arguments.query), span, scope.source, reverse)
    return islice(chain.from_iterable(asked.merged_lines(question, most)), most)


def search_nodes(arguments: Namespace) -> int:
    """Run `logsrv search` on nodes; return the exit status."""
    _check_options(arguments)
    matcher = reading.matcher_with_hints(arguments.query, "search")
    scope = make_search_scope(arguments, None)
    figures = arguments.top is not None or arguments.histogram
    # Counts are of all lines: -n limits the number of values, not of lines.
    most = None if figures else arguments.number
    reverse = arguments.reverse and not figures
    with _ask_nodes(arguments, "search") as asked:
        step = (
            step_seconds(arguments.every, scope, asked.ask_oldest_and_newest)
            if arguments.histogram
            else 0.0
        )
        lines = _merged_lines(asked, arguments, scope, reverse=reverse, most=most)
        if arguments.count:
            count = sum(1 for _ in lines)
            print(count)
            found = count > 0
        elif arguments.top is not None:
            found = _print_top(lines, arguments)
        elif arguments.histogram:
            found = _print_histogram(lines, step, arguments)
        else:
            found = _print_lines(lines, asked, arguments, matcher, paged=not arguments.no_pager)
        return reading.search_status(bool(asked.failed), found)


def tail_nodes(arguments: Namespace) -> int:
    """Print the last lines of the nodes; return the exit status."""
    if arguments.follow:
        raise UsageError(
            "-f follows one store, and no nodes: they get the same line at different times, so it cannot "
            "be shown once and in order"
        )
    matcher = reading.matcher_with_hints(arguments.query, "tail")
    scope = reading.make_scope(arguments)
    most = reading.lines_of_tail(arguments)
    with _ask_nodes(arguments, "tail") as asked:
        lines: Iterable[MergedLine] = _merged_lines(
            asked, arguments, scope, reverse=most is not None, most=most
        )
        if most is not None:
            lines = [*lines][::-1]
        found = _print_lines(lines, asked, arguments, matcher, paged=False)
        return reading.search_status(bool(asked.failed), found)


def show_node(arguments: Namespace) -> int:
    """Print the line at a position of a node, and its neighbours; return the exit status."""
    wanted, neighbours = arguments.position, arguments.around
    with _ask_nodes(arguments, "show") as asked:
        if len(asked.nodes) > 1:
            raise UsageError("a position is a place in one store; --nodes names several here")
        found = asked.ask_each(
            lambda node: fetch_line_and_neighbours(node, wanted, neighbours, neighbours)
        )
    for name, window in found.items():
        if not window:
            tell(f"logsrv show: no line begins at {wanted} of {name}")
    render = make_renderer(reading.line_style(arguments))
    with Output(paged=False) as output:
        for line in chain.from_iterable(found.values()):
            output.write(render(Hit(line.position, line.line), line.position != wanted))
    return reading.search_status(bool(asked.failed), any(found.values()))


def _check_options(arguments: Namespace) -> None:
    """Raise UsageError for options that make sense only for one store."""
    if any(getattr(arguments, name) is not None for name in "ABC"):
        raise UsageError(
            "-A, -B and -C show neighbours in one store; for those in a node: logsrv show --nodes NODE -C N"
        )
    if arguments.no_index or arguments.stats:
        raise UsageError("--no-index and --stats are about the files of a store, not about --nodes")
    if arguments.sort or arguments.by or any(getattr(arguments, name) for name in FUNCTIONS):
        raise UsageError(
            "--sort, --by and figures are of one store; --nodes answers lines, -c, --top, --histogram"
        )
    if arguments.output == "csv":
        raise UsageError("CSV is written of one store; --nodes has --output json")
    if arguments.top == "position":
        raise UsageError("a line has another position in each node")


def _print_lines(
    lines: Iterable[MergedLine],
    asked: AskedNodes,
    arguments: Namespace,
    matcher: Matcher,
    *,
    paged: bool,
) -> bool:
    """Print lines in the format of `search`; return whether there are any."""
    render = make_renderer(reading.line_style(arguments), matcher)
    found = False
    with Output(paged=paged) as output:
        for line in lines:
            found = True
            hit = Hit(next(iter(line.places.values())), line.line)
            if arguments.output == "json":
                nodes = {asked.nodes[number].name: str(at) for number, at in line.places.items()}
                output.write(safe_json({**hit_document(hit), "nodes": nodes}).encode() + b"\n")
            else:
                output.write(render(hit, False))
    return found


def _print_top(lines: Iterator[MergedLine], arguments: Namespace) -> bool:
    tally = ValueCounts()
    count = make_value_counter(arguments.top)
    while text := lines_as_text(islice(lines, _PORTION)):
        total, counts = count(text)
        tally.add_counts(counts, total)
    return print_value_counts(tally, arguments.top, arguments.number, arguments.output)


def _print_histogram(lines: Iterator[MergedLine], step: float, arguments: Namespace) -> bool:
    buckets = StepCounts(step)
    levels = arguments.output == "json"
    while text := lines_as_text(islice(lines, _PORTION)):
        buckets.add_counts(count_by_step([text], step, levels=levels))
    return print_time_buckets(buckets.as_buckets(), step, arguments.output, local=arguments.local)


def node_clients(arguments: Namespace) -> list[NodeClient]:
    """Return the nodes that `--nodes` names. Raises ConfigurationError."""
    if arguments.directory is not None:
        raise UsageError(
            "--directory and --nodes exclude each other: a store of this machine, or daemons to ask"
        )
    seconds = _SECONDS if arguments.nodes_timeout is None else arguments.nodes_timeout
    if not seconds:
        raise UsageError("--nodes-timeout 0 leaves no time for an answer")
    sets = _node_settings(arguments)
    if arguments.nodes_token_file is not None:
        sets = [
            attrs.evolve(one, nodes_token_file=Path(arguments.nodes_token_file)) for one in sets
        ]
    if arguments.nodes_ca is not None:
        sets = [attrs.evolve(one, nodes_ca=Path(arguments.nodes_ca)) for one in sets]
    found = unique_nodes(node for rules in sets for node in read_node_set(rules))
    if len(found) > MOST:
        raise UsageError(
            f"--nodes: {len(found)} nodes are too many; at most {MOST} are asked at once"
        )
    return [NodeClient(attrs.evolve(one, name=str(one.address)), seconds) for one in found]


def _node_settings(arguments: Namespace) -> list[NodeSettings]:
    """Return the nodes of `--nodes`, one NodeSettings for each name and one for all addresses.

    Names have the settings that the configuration gives them. Raises UsageError.
    """
    words = [word.strip() for word in arguments.nodes.split(",") if word.strip()]
    if not words:
        raise UsageError(
            "--nodes: there is no address; write HOST:PORT, or a name of the configuration"
        )
    names = [word for word in words if re.fullmatch(NAME, word)]
    named = _configured_nodes(arguments.config) if names else {}
    for name in names:
        if name not in named:
            known = (
                f"{did_you_mean(name, list(named))}; write HOST:PORT, or set it with --config FILE"
            )
            raise UsageError(f"--nodes: {shown(name)} is no name of nodes{known}")
    found = [named[name] for name in dict.fromkeys(names)]
    if addresses := [word for word in words if word not in names]:
        try:
            nodes = parse_node_addresses(",".join(addresses))
        except ValueError as error:
            raise UsageError(f"--nodes: {error}") from None
        found.append(NodeSettings(nodes=NamedNodes("", "", nodes)))
    return found


def _configured_nodes(config: str | None) -> dict[str, NodeSettings]:
    """Return the nodes of the configuration, by their names. Raises UsageError if it cannot be read."""
    given = {"config": [config]} if config is not None else {}
    try:
        sets = settings(given).node_sets
    except ConfigurationError as error:
        raise UsageError(str(error)) from None
    return {one.nodes.name: one for one in sets}
