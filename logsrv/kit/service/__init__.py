"""The service of a plugin: the sites that serve a protocol class start, reload, drain and stop together.

`protocol_plugin` makes a plugin of a class; twistd makes its service. A program with a service of its
own, such as the line logger, derives from `ListeningService` and says which sites it wants. The command
`logsrv check` asks the same service for findings without starting it.

Its modules. An author's plugin is made of:

_plugin             `protocol_plugin`; _arguments, _declared and _class_checks refuse mistakes
_service_settings   its options, and those of every plugin
_factory            its protocols, and the factory that builds them for a listener or a link
_protocol_service   `self.service`: _peers, _tasks, _links, _dials, _datagram_sockets, _life of its state
_client_endpoint    where a link or a dial goes; _reconnecting is one link
plugin_metrics      its figures

What every service does:

service             _start, _reload and _stop, by _hooks that a plugin overrides
sites               the places where it listens; _operator_sites are --metrics and --inspect
_signals, launch    the operator's signals; what twistd's parent is told
_manager            what systemd is told; _garbage keeps long-lived objects out of collections
check_service       `logsrv check`: file_checks, findings
"""

from logsrv.lazy_names import lazy_names

__getattr__, __dir__ = lazy_names(__name__)
