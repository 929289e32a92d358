"""A plugin made of an author's protocol class: its options, its mistakes, and the service that runs it.

Its modules:

plugin              `protocol_plugin` makes the plugin; chosen is imported when it is chosen
declared,           what the class says about itself, and of which parameters its Options and State are;
arguments,          mistakes in it are told before anything starts
class_checks
service_settings    its options, and those of every plugin
factory             its protocols, and the factory that builds them for a listener or a link
protocol_service    `self.service` of a protocol: what runs. It offers
peers, tasks,       the other connections, tasks beside them, connections to elsewhere that are kept or
links, dials        made once
endpoints           where a link or a dial goes; reconnecting is one link
datagram_sockets    sockets of UDP
life                of the state: opened before ports, closed at the end
"""

from logsrv.lazy_names import lazy_names

__getattr__, __dir__ = lazy_names(__name__)
