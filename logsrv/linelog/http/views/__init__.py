"""Live views: one process for all of them reads new lines once and sends each viewer what matches.

In the daemon: `view_process` starts it, `viewer` is a browser that is connected. In the process, which
imports no Twisted: `view_child` begins there, `polls` reads new lines, `watched_query` makes events of
those that match, `catch_up` brings a viewer to the others. `view_protocol` has the messages of both. In a
searching process, `earlier_lines` reads what a viewer gets before it is attached.
"""
