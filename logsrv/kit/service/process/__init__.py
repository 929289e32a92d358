"""The process of a service: its launch, its signals, the steps of its start and stop."""
