"""`logsrv run`: a parent (supervisor) keeps the listening sockets. After each save it starts a child
(serving), which loads the file (plugin_file) and runs twistd.
"""
