"""The plugin of the line logger: its settings, its service, its metrics."""
