"""The web gateway: Gopher in a web browser. `kit.web` receives the requests; then come, in this order:

gateway              the service: accepts or refuses requests, and sends answers as fast as the
                     browser reads them
answers              the answer to a request, its content type, and pages for errors
visitors             limits for each client and for all together
paths                web paths and the Gopher URLs they stand for (no I/O)
fetching             menus, texts and streams, fetched or from the cache
destinations         the hosts, ports and addresses that the gateway may connect to
pages                menus and texts as headings, text and rows, then HTML: the one module where outside
                     text becomes markup (no I/O)
"""
