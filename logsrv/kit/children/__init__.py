"""Processes of ours that work for a service: started, limited, watched and ended in one way.

child_process  a process as the service sees it: its pipes, its end, all that an owner has
frames         the messages between both sides (no I/O)
resident       a process that is there as long as it is wanted: started again when it dies
pool           processes that do one job at a time
blocking       a process for a thread that waits for it
child_side     such a process from its own side: its limits, its messages
"""
