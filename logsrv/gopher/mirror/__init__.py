"""`gopher mirror URL DIRECTORY`: a copy of a server, to be served again or read from disk.

    crawl, queue      what to fetch next, again, or never
    rules, robots     what the server allows
    scope             what belongs to the mirror (no I/O)
    names             from selectors to paths below the directory (no I/O)
    fetching          a few jobs at a time
    sinks, folders    where the bytes of an answer go; the directory on disk, never through a link
    earlier           the copies of earlier runs, and what an update makes of them
    faults, listed    which menus are not to be believed; what those of an update list (no I/O)
    journal           what is finished, in a file, so that the next run goes on from there
    menus, pages      gophermap and index.html for each menu, with links to the copies
    tally, report     limits and sum of a run; what the user sees

`fetch.transfers` does the requests. `GopherClient` would take 0.3 ms for each: a reactor's transport, a
protocol, Deferreds and a coroutine. Here it is 0.1 ms, and a mirror is mostly small requests.
"""
