"""Live views: what is written now, matched once for each query, in one process for all viewers.

viewer                 one stream of events to one client, from its position on
views, view_protocol   the process as the daemon sees it, and what it is told and says
view_child, hub, live  that process from the inside
"""
