"""Live views: one process for all viewers matches new lines, once for each query.

viewer                 in the daemon: one stream of events to one client, from its position on
views, view_protocol   in the daemon: the process, and the messages to and from it
view_child, hub, live  in the process
"""
