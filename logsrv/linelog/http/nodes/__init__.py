"""Several daemons asked as one: their lines by time, each once where more of them have it.

address, node_settings, declared   the nodes, and how an operator names them
client, answer                     one node over HTTP, and what it answers, checked
spans                              its lines by time, in pieces that fit into memory
gather, merge                      all of them beside each other, and their lines put together
"""
