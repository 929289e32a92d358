"""Searches of several daemons, the nodes: lines merged by time. A line that several nodes have comes once.

address, node_settings, declared   the nodes, and the options that name them
client, answer                     a request to one node over HTTP, and checks of its answer
spans                              the lines of one node by time, in pieces that fit into memory
gather, merge                      requests to all nodes in parallel, and the merging of their lines
"""
