"""The line logger: lines from any socket to disk, found again, followed and watched."""
