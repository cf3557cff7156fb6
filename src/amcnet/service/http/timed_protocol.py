"""HTTP connections that end when no complete request arrives in time."""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

_REQUEST_SECONDS = 15.0


class TimedProtocol(H11Protocol):
    """Closes a connection if the next request's headers do not arrive in time.

    uvicorn itself limits only the time between two requests, so that a client that never ends its
    headers would occupy a place for ever. Bodies are limited where they are read.
    """

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Receive bytes; wait for the rest if they do not complete a request."""
        super().data_received(data)
        if not self._is_waiting():
            self._stop_waiting()
        elif self._deadline is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _is_waiting(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _wait(self) -> None:
        self._deadline = self.loop.call_later(_REQUEST_SECONDS, self._close)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _close(self) -> None:
        self._deadline = None
        if self._is_waiting():
            self.transport.close()
