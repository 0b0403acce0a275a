# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A relay that hands each answer on so many milliseconds after it came: ``python -m tests.bench.relay PORT MS``.

It prints its own port, and ends with its standard input.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys


async def serve(target, delay):
    """Relay a free port to the port ``target``."""

    async def connected(reader, writer):
        to_service = await asyncio.open_connection("127.0.0.1", target)
        with contextlib.suppress(asyncio.CancelledError):  # the relay ends
            await asyncio.gather(_hand_on(reader, to_service[1], 0), _hand_on(to_service[0], writer, delay))

    server = await asyncio.start_server(connected, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


async def _hand_on(reader, writer, delay):
    """Pass bytes on, each ``delay`` seconds after it came, so that a long answer is not delayed piece by piece."""
    loop, pieces = asyncio.get_running_loop(), asyncio.Queue()

    async def write():
        while True:
            due, data = await pieces.get()
            if delay:
                await asyncio.sleep(due - loop.time())
            if not data:
                break
            writer.write(data)
            await writer.drain()
        writer.close()

    async def read():
        data = b"begin"
        while data:
            try:
                data = await reader.read(256 * 1024)
            except ConnectionError:
                data = b""
            pieces.put_nowait((loop.time() + delay, data))

    await asyncio.gather(read(), write(), return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2]) / 1000))
