"""`gopher mirror URL DIRECTORY`: a copy of a server, to be served again or read from disk.

    crawl             what to fetch next, again, or never
    robots            what the server allows (no I/O)
    scope             what belongs to the mirror (no I/O)
    fetching          jobs that wait, and those on their way: a few at a time; the limits of a run
    menus             menus gone through line by line, and written when their items are there
    report            the sum of a run, and what the user sees of it
    sinks             where the bytes of an answer go
    names             from selectors to paths below the directory (no I/O)
    folders           the directories: nothing is written through a link
    pages             gophermap and index.html of a menu (no I/O)
    journal           what is finished, so that the next run goes on from there
    earlier_copies    for updates: the copies of earlier runs, the items that menus list, and menus that
                      are not to be believed

`fetch/transfers` does the requests. `GopherClient` would take 0.3 ms for each: a reactor's transport, a
protocol, Deferreds and a coroutine. Here it is 0.1 ms, and a mirror is mostly small requests.
"""
