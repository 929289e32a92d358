"""The service of a plugin: the sites that serve a protocol class start, reload, drain and stop together.

What an author's plugin is made of:

plugin             `protocol_plugin`; arguments and class_checks refuse mistakes
service_settings   its options, and those of every plugin
factory            its protocols, and the factory that builds them for a listener or a link
protocol_service   `self.service`: peers, tasks, links, dials, datagram_sockets, and the life of its state

What every service does:

service            start, reload and stop, by hooks that a plugin overrides
sites              the places where it listens; operator_sites are --metrics and --inspect
signals, launch    the operator's signals; what twistd's parent is told
manager            what systemd is told; garbage keeps long-lived objects out of collections
check_service      `logsrv check`: file_checks, findings
"""
