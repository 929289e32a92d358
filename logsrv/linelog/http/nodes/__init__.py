"""Several daemons asked as one: their lines merged by time. A line that several nodes have comes once.

address, node_settings, declared   the nodes, and how an operator names them
client, answer                     one node over HTTP, and its answer, checked
spans                              its lines by time, in pieces that fit into memory
gather, merge                      all nodes in parallel, and their lines merged
"""
