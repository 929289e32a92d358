"""Shipping at work: a process for each target, and what the daemon and others see of it."""
