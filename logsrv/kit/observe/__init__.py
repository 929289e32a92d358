"""What is counted and logged: metrics, failures of plugins, comings and goings, a blocked reactor."""
