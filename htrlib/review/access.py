"""Who may ask the server for what: hosts, origins, the token, and the headers of all answers."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Mapping, Optional, Tuple
from urllib.parse import unquote, urlsplit

from htrlib.data.label_text import clean_text

COOKIE = "htr-review"
MARK = "X-HTR-Review"
"""A header that pages of other sites cannot send without asking first, and are refused."""

NAME = "X-HTR-Name"
_LONGEST_NAME = 80  # characters

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Server": "htrlib",
}


@dataclass(frozen=True)
class Refusal:
    """Why a request is not answered: a status of HTTP, a code and a sentence."""

    status: int
    code: str
    message: str


@dataclass(frozen=True)
class Access:
    """Decides which requests are answered.

    Attributes:
        token: that every request brings as a cookie, or None: then the server is asked by names
            of this computer alone, for any site may have its own name lead to this address.
    """

    token: Optional[str] = None

    def refusal(self, headers: Mapping[str, str], cookie: Optional[str]) -> Optional[Refusal]:
        """Why a request is refused, or None.

        Args:
            headers: of the request.
            cookie: its value of the cookie `COOKIE`.
        """
        host = headers.get("Host", "")
        if self.token is None and not is_loopback(_host_name(host)):
            return Refusal(
                403,
                "foreign_host",
                f"this server answers to localhost and 127.0.0.1, not to {host[:80]!a}; start it "
                "with --host, or with --base-path behind a proxy",
            )
        origin = headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc.lower() not in self._names(headers):
            return Refusal(403, "foreign_origin", "a page of another site asks; it is not answered")
        if headers.get("Sec-Fetch-Site", "same-origin") == "cross-site" and (
            headers.get("Sec-Fetch-Mode") != "navigate"
        ):
            return Refusal(403, "foreign_origin", "a page of another site asks; it is not answered")
        if self.token is not None and not self.is_token(cookie):
            return Refusal(
                401,
                "token",
                "open the address with the token that the server printed when it started",
            )
        return None

    def _names(self, headers: Mapping[str, str]) -> Tuple[str, ...]:
        """What the server is called in this request; by a proxy before it too."""
        host = headers.get("Host", "").lower()
        forwarded = headers.get("X-Forwarded-Host", "").lower()
        return (host,) if self.token is None or not forwarded else (host, forwarded)

    def is_token(self, value: Optional[str]) -> bool:
        """Whether a value is the token; how long this takes does not tell how much of it fits."""
        if self.token is None or value is None:
            return False
        return hmac.compare_digest(value.encode("utf-8", "replace"), self.token.encode())


def change_refusal(headers: Mapping[str, str], content_type: str) -> Optional[Refusal]:
    """Why a request that would change something is refused, or None."""
    if content_type != "application/json":
        return Refusal(415, "content_type", "changes are sent as application/json")
    if headers.get(MARK) != "1":
        return Refusal(403, "mark", f"changes are sent with the header {MARK}: 1")
    return None


def person_of(headers: Mapping[str, str]) -> str:
    """The name that the person who asks goes by; may be empty."""
    name = unquote(headers.get(NAME, ""), errors="replace")
    return clean_text(name)[:_LONGEST_NAME].strip()


def is_loopback(name: str) -> bool:
    """Whether a host's name or address is that of this computer, and cannot be another's."""
    if name.lower().rstrip(".") == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def _host_name(host: str) -> str:
    """The name in a Host header, without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]
