"""Seven implementations of one echo server, and how fast each is: `python -m bench.echo`."""
