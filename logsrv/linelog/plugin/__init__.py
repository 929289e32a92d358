"""The plugin `logsrv`: its service, where all parts meet, and its options."""
