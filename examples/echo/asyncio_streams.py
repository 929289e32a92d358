"""Echo lines: asyncio with its streams. Usage: asyncio_streams.py PORT"""

import asyncio
import sys


async def echo(reader, writer):
    try:
        async for line in reader:
            writer.write(line)
            await writer.drain()
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(echo, "127.0.0.1", int(sys.argv[1]), backlog=1024)
    await server.serve_forever()


asyncio.run(main())
