"""Inputs: the wire formats that the line logger accepts, thin Protocols all of them.

intake      what they share between a protocol and the store
records     the inputs of lines and of records; frames for plugins to derive from
http        the inputs over HTTP
blocks      what other stores ship, and give back
nats        blocks out of a stream of NATS
"""
