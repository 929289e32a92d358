"""Child processes that work for a service: started, limited, watched and ended in one way.

starting       the three ways to start Python
child_process  the service's side of a process: its pipes, its end, all processes of one owner
frames         the messages between both sides (no I/O)
resident       a process that runs as long as it is needed, and is started again when it dies
pool           processes that do one job at a time
forking        a process that forks another one for each order; fork_side is the code inside it
blocking       a process for a thread that waits for its answers
child_side     the code inside a child process: its limits, its messages
"""
