"""`logsrv run`: a parent process keeps the listening sockets (supervisor, watch); a child serves them
(serving_process, held_sockets, plugin_file, author).
"""
