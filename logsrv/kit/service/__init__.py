"""The service of a plugin: the sites that serve a protocol class start, reload, drain and stop together.

`protocol_plugin` makes a plugin of a class; twistd makes its service. A program with a service of its
own, such as the line logger, derives from `ListeningService` and says which sites it wants. The command
`logsrv check` asks the same service for findings without starting it.

Its modules:

service             _start, _reload and _stop, by _hooks that a plugin overrides
sites               the addresses where it listens; _operator_sites are --metrics and --inspect
plugin_metrics      the figures of a plugin
_signals, launch    the operator's signals; what twistd's parent is told
_manager            what systemd is told; _garbage keeps long-lived objects out of collections
twisted_parts       the private parts of Twisted that we use; the check of a Twisted that is too new
check_service       `logsrv check`: file_checks, findings; running_command is how a service was started
"""
