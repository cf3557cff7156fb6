"""Who may see the page: one-time links that turn into a cookie."""

import secrets

COOKIE_NAME = "amcnet-view"
_WORD_BYTES = 16


class Session:
    """Admits browsers by links that work once.

    A link holds a random word. The first request with that word gets the session's cookie, and the
    word is worthless from then on, whoever has seen it in a process list, a log or a browser's
    history. The page lies below a random path of its own, because browsers send the cookies of
    ``127.0.0.1`` to every port, so to the servers of other users too; they limit them by path.

    Attributes:
        path: Path of the page, ``/word/``.
        cookie: Value of the cookie.
    """

    def __init__(self) -> None:
        self.path = f"/{secrets.token_urlsafe(_WORD_BYTES)}/"
        self.cookie = secrets.token_urlsafe(_WORD_BYTES)
        self._links: set[str] = set()

    def new_link(self) -> str:
        """Return the path of a link that admits one browser, ``/open/word``."""
        link = f"/open/{secrets.token_urlsafe(_WORD_BYTES)}"
        self._links.add(link)
        return link

    def redeem(self, link: str) -> bool:
        """Return whether a link admits its browser; from then on it does not."""
        # All are compared, so that the time taken does not tell how much of a guess was right.
        known = [one for one in self._links if secrets.compare_digest(one, link)]
        self._links.difference_update(known)
        return bool(known)

    def admits(self, cookie: str | None) -> bool:
        """Return whether a request with this cookie may see the page."""
        return cookie is not None and secrets.compare_digest(self.cookie, cookie)
