"""Inputs: the wire formats that the line logger accepts, thin Protocols all of them.

intake              what they share between a protocol and the store
lines, records      the inputs of lines, and of records that are acknowledged
http                the inputs over HTTP
frames              inputs of frames, for plugins to derive from
"""
