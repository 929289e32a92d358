"""HTTP for plugins on Twisted Web: connections with limits, and checks of who asks.

channel             our servers: connections with limits of time and size
access              endpoints for browsers; which requests are for us
resource_factory    a Resource of an author as a server
monitor             /metrics, /healthz, /readyz
http_client         requests to others, with limits
templates           Jinja
"""
