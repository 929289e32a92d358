"""Inputs: the wire formats that the line logger accepts, each a thin Twisted protocol.

intake      the layer that all inputs share, between a protocol and the store
records     inputs of lines and of records; a base class for plugins that receive frames
http        inputs over HTTP
blocks      blocks that other stores ship here, and copies of this store
nats        blocks fetched from a NATS stream
"""
