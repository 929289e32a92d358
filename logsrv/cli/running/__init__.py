"""`logsrv run`: a parent that holds the sockets (supervisor, watch) and a child that serves them
(serving_process, held_sockets, plugin_file).
"""
