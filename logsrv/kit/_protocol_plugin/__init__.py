"""A plugin made of an author's protocol class: `plugin` makes it, `protocol_service` is what runs.

Mistakes of the class are told before anything starts (arguments, declared, class_checks). Its options are
`service_settings`; `factory` builds its protocols. `self.service` of a protocol offers peers, tasks, links
and dials; `life` opens and closes its state, `datagram_sockets` are those of UDP.
"""
