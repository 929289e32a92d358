"""`gopher mirror URL DIRECTORY`: a copy of a server, to be served again or read from disk.

    robots, scope     what the server allows; what belongs to the mirror (no I/O)
    names             from selectors to paths below the directory (no I/O)
    sinks             where the bytes of an answer go
    journal           what is finished, in a file, so that the next run goes on from there
    queue, crawl      what to fetch next, again, or never
    folders           the directory on disk, never through a link
    pages, menus      gophermap and index.html for each menu, with links to the copies
    tally, report     limits and sum of a run; what the user sees

`fetch.transfers` does the requests. Why not `GopherClient`: a request costs a reactor's transport,
protocol, Deferreds and a coroutine there, 0.3 ms in all; here a sixth of that, and a mirror is mostly small
requests.
"""
