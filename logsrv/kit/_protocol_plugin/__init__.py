"""A plugin made of an author's protocol class: its options, its mistakes, and the service that runs it.

Its modules:

plugin              makes the plugin: `protocol_plugin`
chosen              the options of a plugin that was chosen; its protocols compared with these
declared            the classes with which a protocol is declared, `[Options, State]`
arguments           checks of the arguments of `protocol_plugin`, a sentence for each mistake
class_checks        checks of the protocol classes, a sentence for each mistake
service_settings    the plugin's options, and those of every plugin
factory             the plugin's protocols, and the factory that builds them for a listener or a link
protocol_service    `self.service` of a protocol: it starts, reloads and stops all that follows
peers               the other connections of the plugin
tasks               coroutines beside the connections, cancelled at the stop
links               connections to other servers, which are made again
reconnecting        one such connection; imported with the first
dials               connections that a plugin makes once; imported with the first
endpoints           where a link or a dial goes
datagram_sockets    sockets of UDP
life                the state: opened before ports, closed at the end
"""
