"""Browsers that have shown a token once and use a cookie from then on."""

import hmac
import secrets
import threading
import time
from collections.abc import Callable

COOKIE_NAME = "amcnet-service"
_SECONDS = 12 * 3600.0
_MOST = 1000


class BrowserSessions:
    """Keeps the issued cookies until they expire or the service ends.

    Args:
        clock: Returns seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._owners: dict[str, tuple[str, float]] = {}
        self._lock = threading.Lock()

    def begin(self, owner: str) -> str:
        """Return a new cookie for a user."""
        cookie = secrets.token_urlsafe(32)
        with self._lock:
            self._forget_expired()
            if len(self._owners) >= _MOST:
                self._owners.pop(next(iter(self._owners)))
            self._owners[cookie] = owner, self._clock() + _SECONDS
        return cookie

    def owner_of(self, cookie: str | None) -> str | None:
        """Return the user of a cookie; None if it is unknown or has expired."""
        given = (cookie or "").encode()
        with self._lock:
            self._forget_expired()
            known = list(self._owners.items())
        owners = [owner for word, (owner, _) in known if hmac.compare_digest(word.encode(), given)]
        return owners[0] if owners else None

    def _forget_expired(self) -> None:
        now = self._clock()
        self._owners = {word: one for word, one in self._owners.items() if one[1] > now}
