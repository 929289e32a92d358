"""Sealing: a full segment is compressed and indexed once, in a process beside the daemon, or removed.

`sealer` is the thread that decides what is next, `packer` the process with the work of `packing`; `seal`
makes the files of one segment, and `retain` removes the oldest ones.
"""
