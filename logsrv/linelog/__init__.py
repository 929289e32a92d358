"""The line logger: lines from any socket to disk, found again, followed and watched."""

from logsrv.memory import reserve_little

# Here, because each of its processes has imported this before NumPy and Arrow.
reserve_little()
