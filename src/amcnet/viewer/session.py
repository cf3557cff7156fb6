"""Access control of the page: one-time links that set a cookie."""

import secrets

COOKIE_NAME = "amcnet-view"
_WORD_BYTES = 16


class Session:
    """Admits browsers through one-time links.

    A link contains a random secret. The first request with the secret receives the session's
    cookie; after that the secret is worthless to anybody who finds it in a process list, a log or a
    browser's history. The page has a random path, because browsers send the cookies of
    ``127.0.0.1`` to every port, and thus to the servers of other users, but limit them by path.

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
        """Return whether a link is valid, and invalidate it."""
        # Compare with all secrets, so that the duration reveals nothing about a guess.
        known = [one for one in self._links if secrets.compare_digest(one, link)]
        self._links.difference_update(known)
        return bool(known)

    def admits(self, cookie: str | None) -> bool:
        """Return whether a request with this cookie may see the page."""
        return cookie is not None and secrets.compare_digest(self.cookie, cookie)
