"""Who may have the page: names in Host and Origin, the key for commands, and what a browser is told. Pure.

A page on the loopback is within reach of every page that the same browser shows. Two tricks are refused: a
foreign name that is made to point here (DNS rebinding: the Host header gives it away) and a foreign page that
connects from where it is (the Origin header does), over HTTP and WebSocket alike.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
from collections.abc import Iterable, Sequence
from http import HTTPStatus

TOKEN = re.compile(r"[A-Za-z0-9_-]{16,128}\Z")
_HOST = re.compile(r"(\[[0-9a-fA-F:.]{2,45}\]|[a-zA-Z0-9._-]{1,253})(?::([0-9]{1,5}))?\Z")
LOOPBACK_NAMES = ("localhost",)

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}
"""Of every answer: nothing from elsewhere, no script but the page's own files, in nobody's frame."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens on `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() in LOOPBACK_NAMES


class Access:
    """Judges requests.

    Parameters
    ----------
    listen : str
        Where the server listens. On the loopback only loopback names are answered; elsewhere also addresses
        (nobody can make an address point to another machine) and `names`.
    names : iterable of str
        Further host names that people use for this server.
    token : str
        The key without which nothing is acknowledged.
    """

    def __init__(self, listen: str, names: Iterable[str], token: str) -> None:
        self._local = is_loopback(listen)
        self._names = {name.lower() for name in (*LOOPBACK_NAMES, *names)}
        self._token = token

    def refusal(
        self, hosts: Sequence[str], origins: Sequence[str], needs_origin: bool
    ) -> tuple[HTTPStatus, str] | None:
        """Why a request is refused, or None.

        Parameters
        ----------
        hosts, origins : sequence of str
            All values of the two headers.
        needs_origin : bool
            True for a WebSocket: a browser always names the page that opens one.
        """
        if len(hosts) != 1 or not self._knows(hosts[0]):
            return HTTPStatus.BAD_REQUEST, "this server is not known by that name; see --name"
        if len(origins) > 1 or (needs_origin and not origins):
            return HTTPStatus.FORBIDDEN, "expected the Origin header of a page"
        if origins and origins[0].lower() not in {f"{s}://{hosts[0].lower()}" for s in ("http", "https")}:
            return HTTPStatus.FORBIDDEN, "another site's page may not use this one"
        return None

    def may_command(self, token: str) -> bool:
        """Whether `token` is the key."""
        return hmac.compare_digest(token.encode(), self._token.encode())

    def _knows(self, host: str) -> bool:
        match = _HOST.match(host)
        if match is None:
            return False
        name = match[1].strip("[]").lower()
        if name in self._names:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or not self._local
