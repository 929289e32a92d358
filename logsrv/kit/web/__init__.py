"""HTTP for programs and plugins, on Twisted Web: connections with limits, and checks of requests.

A server closes connections that are too slow or send too much. It logs connects and disconnects as every
listener does. Functions tell whether a request is meant for this host. The HTTP client limits what other
servers may answer.

    from urllib.request import urlopen

    from twisted.internet import reactor
    from twisted.internet.threads import deferToThread

    from logsrv.kit.connections.guard import GuardPolicy
    from logsrv.kit.web.channel import WebFactory

    def answer(request):
        request.write(b"You asked for " + request.uri)
        request.finish()

    def ask(url):
        with urlopen(url) as page:
            return page.read()

    factory = WebFactory(answer, reactor, "pages", GuardPolicy())
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    url = f"http://127.0.0.1:{port.getHost().port}/hello"
    assert await deferToThread(ask, url) == b"You asked for /hello"
    await port.stopListening()

Its modules:

channel             our servers: connections with limits of time and size
access              endpoints for browsers; which requests are for us
_resource_factory   a Resource of an author as a server
monitor             /metrics, /healthz, /readyz
http_client         requests to others, with limits
templates           Jinja
"""
