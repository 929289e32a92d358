"""`gopher mirror URL DIRECTORY`: a copy of a server, to be served again or read from disk.

    crawl             decides which item to fetch next, again, or never; counts what became of each
    scope             decides which items belong to the mirror; the server's rules for robots (no I/O)
    requests          requests for items, a few at a time; the limits of a run
    menus             writes menus as gophermap and index.html: when they came, and again at the end
    sinks             write the bytes of an answer to memory or to a file
    paths             from selectors to paths below the directory; nothing is written through a link
    journal           the finished items, so that the next run continues after them
    earlier_copies    the copies of earlier runs, and the check whether a new menu may replace an old one

`fetch/transfers` makes the requests, which takes 0.1 ms for each. With `GopherClient` it would be 0.3 ms,
for the reactor's transport, a protocol, Deferreds and a coroutine; and most requests of a mirror are small.
"""
