"""Child processes that work for a service, so that slow or large work never stops the service's reactor.

There are three kinds of child processes:

- A pool gives each job to a free process.
- A resident process runs as long as the service needs it.
- A forking process forks another process for each order.

Each process has limits, gets no secrets from the environment, and ends when its service ends.

    # upper.py, the child
    from logsrv.kit.children.child_side import answer_messages, limit_process

    if __name__ == "__main__":
        limit_process()
        answer_messages(lambda text: [text.upper()])

    # the service
    from twisted.internet import reactor

    from logsrv.kit.children.pool import ProcessPool

    pool = ProcessPool("upper", reactor, name="a child", without="nothing becomes upper case")
    assert b"".join(await pool.answer(b"hello")) == b"HELLO"
    await pool.stop()

Its modules:

starting       the three ways to start Python
child_process  the service's side of a process: its pipes, its end, all processes of one owner
frames         the messages between both sides (no I/O)
resident       a process that runs as long as it is needed, and is started again when it dies
pool           processes that do one job at a time
forking        a process that forks another one for each order; fork_side is the code inside it
blocking       a process for a thread that waits for its answers
child_side     the code inside a child process: its limits, its messages
"""
