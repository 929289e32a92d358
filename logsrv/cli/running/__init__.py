"""`logsrv run`: a parent that holds the sockets (supervisor, watch) and a child that serves them
(child, held, found).
"""
