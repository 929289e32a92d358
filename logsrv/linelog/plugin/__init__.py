"""The plugin `twistd logsrv`: settings, service, metrics and checks of the line logger."""
