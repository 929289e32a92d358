"""The web gateway: Gopher in a web browser. From the network inwards, behind `kit.web`:

gateway              the service: which requests are answered; answers are sent as fast as the
                     browser takes them
answers              the answer to a request, its content type, and pages for errors
visitors             how much one client may ask for
paths                web paths and the Gopher URLs they stand for (no I/O)
fetching             menus, texts and streams, fetched or remembered
destinations         where the gateway goes, checked again for the very address it connects to
listing              menus and texts as pages show them (no I/O)
pages                those as HTML: the one place where outside text becomes markup
"""
