"""The service of a plugin: all its sites start, reload, drain and stop together.

A site is a listener with its settings, and with the object that serves its connections. `protocol_plugin`
makes a plugin from a protocol class; twistd then makes the service of this plugin. A program with a service
of its own, such as the line logger, has a class that inherits from `ListeningService`, and returns the
wanted sites. The command `logsrv check` makes the same service and asks it for findings, but does not start
it.

Its modules:

service             _start, _reload and _stop, by _hooks that a plugin overrides
sites               the addresses where it listens; _operator_sites are --metrics and --inspect
plugin_metrics      the figures of a plugin
_signals, launch    the operator's signals; what twistd's parent is told
_manager            what systemd is told; _garbage keeps long-lived objects out of collections
twisted_parts       the private parts of Twisted that we use; the check of a Twisted that is too new
check_service       `logsrv check`: file_checks, findings; running_command is how a service was started
"""
