"""The plugin `twistd logsrv`: it puts the line logger together.

logger_settings     all options
service             the store, the listeners that deliver to it, alerts, shipping and the web server
monitoring          the metrics, and whether lines are kept as promised
findings            what `logsrv check` says of the settings
input_in_memory     one input with a store in memory, for tests of plugins
"""
