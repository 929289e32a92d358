"""Modules that read bytes or text and have no target, each with the reason."""

_HANDS_ON = "hands bytes on to framers that have targets"
_OPTION = "reads one option of a command line"
_OURS = "reads what this program wrote into a pipe of its own"

WITHOUT = {
    "cli.arguments": _OPTION,
    "linelog.commands.reading": _OPTION,
    "gopher.command.fetch": _OPTION,
    "linelog.alerts.alert_protocol": "reads the settings of a task that this program wrote",
    "linelog.parts.entries_file": "hands bytes on to orjson",
    "linelog.http.responses": _HANDS_ON,
    "linelog.http.searching.asked_search": _HANDS_ON,
    "linelog.http.searching.shared_answer": _HANDS_ON,
    "linelog.http.views.viewer": _HANDS_ON,
    "linelog.ship.orders": _OURS,
    "linelog.ship.reports": _OURS,
    "kit.options.argument_parser": "argparse with other sentences",
    "gopher.fetch.stream": _HANDS_ON,
    "gopher.fetch.tls": "hands bytes on to OpenSSL",
    "gopher.fetch.transfers": _HANDS_ON,
    "gopher.mirror.sinks": _HANDS_ON,
    "kit.framing._own_framing": "hands bytes on to an author's framer",
    "kit.connections.rates": "counts bytes",
    "kit.protocols._context": _HANDS_ON,
    "kit.protocols._starting_tls": _HANDS_ON,
    "kit.protocols._frame_protocol": _HANDS_ON,
    "kit.protocols._line_reader": _HANDS_ON,
    "kit.protocols._stream": _HANDS_ON,
    "kit.testing._memory_http": "a part of tests",
    "kit.testing._memory_peers": "a part of tests",
    "linelog.http.views.view_protocol": _OURS,
    "linelog.intake.blocks.body": "puts the parts together that `blocks` goes through",
    "linelog.intake.interfaces": _OPTION,
    "linelog.formats.nats.__init__": _OPTION,
    "linelog.formats.forward.input": _HANDS_ON,
    "linelog.formats.gelf.input": _HANDS_ON,
    "linelog.formats.python.input": _HANDS_ON,
    "linelog.intake.record_datagrams": "hands bytes on to an author's input",
    "linelog.formats.relp.input": _HANDS_ON,
    "linelog.formats.journal.input": _HANDS_ON,
    "linelog.intake.over_http.kept_body": _HANDS_ON,
}
