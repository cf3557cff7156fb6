"""Settings that every web server of this package shares: headers, content policy, uvicorn."""

from typing import Any

SAFE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}

UVICORN_SETTINGS: dict[str, Any] = {
    "http": "h11",
    "ws": "none",
    "loop": "asyncio",
    "lifespan": "off",
    "access_log": False,  # paths contain the secrets of links and the names of uploads
    "log_config": None,
    "log_level": "critical",
    "server_header": False,
}


def content_policy(form_action: str) -> str:
    """Return a Content-Security-Policy under which a page loads only from its own server.

    Args:
        form_action: Where forms may be sent: ``'none'`` or ``'self'``, with the quotes.

    Example:
        >>> "form-action 'self'" in content_policy("'self'")
        True
    """
    # NiiVue contains its font as a data URL.
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        f"connect-src 'self'; base-uri 'none'; form-action {form_action}; frame-ancestors 'none'"
    )
