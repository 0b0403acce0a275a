# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The server: uvicorn with a door that can be shut, connections that can be cut, and an end that waits for nobody."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import struct
import typing

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

# The place of the Wire in the ASGI scope.
WIRE = "sandbox.wire"


class Wire:
    """The connection under one request, for what ASGI cannot say."""

    def __init__(self, protocol: H11Protocol) -> None:
        self._protocol = protocol

    def reset(self) -> None:
        """Cut the connection so that the peer sees a reset."""
        connection = self._protocol.transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._silence()
        self._protocol.transport.abort()

    def close(self) -> None:
        """Close the connection in an orderly way, without an answer."""
        self._silence()
        self._protocol.transport.close()

    def send_raw(self, data: bytes) -> None:
        """Send bytes past the HTTP machinery, and close."""
        self._protocol.transport.write(data)
        self.close()

    async def gone(self, seconds: float) -> None:
        """Wait so long, or until the peer has gone."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._disconnected(), seconds)

    async def _disconnected(self) -> None:
        while not self._protocol.transport.is_closing():
            await asyncio.sleep(0.05)

    def _silence(self) -> None:
        """Keep uvicorn from answering for an application that has not."""
        self._protocol.cycle.disconnected = True


class _WiredProtocol(H11Protocol):
    """HTTP as uvicorn has it, with the Wire in the scope of each request."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        application = self.app

        async def with_wire(scope: typing.Any, receive: typing.Any, send: typing.Any) -> None:
            scope[WIRE] = Wire(self)
            await application(scope, receive, send)

        self.app = with_wire


class Server(uvicorn.Server):
    """A server on one socket of the loopback."""

    def __init__(self, application: typing.Any, listener: socket.socket, ssl_context: typing.Any = None) -> None:
        config = uvicorn.Config(
            application,
            http=_WiredProtocol,
            loop="asyncio",
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            # Longer than any client pools a connection, so that no reuse meets a close by chance.
            timeout_keep_alive=120,
            ssl_context_factory=(lambda _config, _default: ssl_context) if ssl_context else None,
        )
        super().__init__(config)
        self._listener = listener
        self._address = listener.getsockname()
        self._family = listener.family
        self._door: asyncio.AbstractServer | None = None
        self._shut_until = 0.0
        self.on_started: typing.Callable[[], None] = lambda: None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and tell that it is so."""
        self.servers = []
        await self._open_door(self._listener)
        self.started = True
        self.on_started()

    async def _open_door(self, listener: socket.socket) -> None:
        self._door = await asyncio.get_running_loop().create_server(
            self._new_protocol, sock=listener, ssl=self.config.ssl, backlog=self.config.backlog
        )

    def _new_protocol(self) -> asyncio.Protocol:
        return _WiredProtocol(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

    def refuse_connections(self, seconds: float) -> None:
        """Stop listening for so long. Connections that are idle are closed, so that none can be used again."""
        loop = asyncio.get_running_loop()
        self._shut_until = max(self._shut_until, loop.time() + seconds)
        if self._door is not None:
            # Not door.close(): a connection that was accepted this moment would then be kept and never served.
            self._door = None
            loop.remove_reader(self._listener.fileno())
            self._listener.close()
            # Bound but not listening: connects are refused, and nobody else can take the port meanwhile.
            placeholder = bind(self._family, self._address)
            self._reopening = loop.create_task(self._reopen(placeholder))
        for connection in list(self.server_state.connections):
            connection.shutdown()

    async def _reopen(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            while loop.time() < self._shut_until:
                await asyncio.sleep(self._shut_until - loop.time())
            self._listener = listener
            await self._open_door(listener)
        except asyncio.CancelledError:
            listener.close()
            raise

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End at once: no request is waited for."""
        if self._door is not None:
            self._door.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        mine = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not mine]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    @contextlib.contextmanager
    def capture_signals(self) -> typing.Iterator[None]:
        """SIGINT and SIGTERM end the server; the process then ends by itself, with code 0."""

        def stop(_number: int, _frame: typing.Any) -> None:
            self.should_exit = True

        previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)


def bind(family: int, address: typing.Any) -> socket.socket:
    """A socket bound to an address, not listening yet."""
    # With its protocol named, asyncio sends small answers at once (TCP_NODELAY), as servers do.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener
