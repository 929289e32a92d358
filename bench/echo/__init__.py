"""The same echo server seven times, and how fast each is: `python -m bench.echo`."""
