"""Access control: hosts, origins, the token, and security headers of all answers."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Iterator, Mapping, Optional, Tuple
from urllib.parse import unquote, urlsplit

from htrlib.data.label_text import clean_text

COOKIE = "htr-review"
"""Start of the name of the cookie with the token. The rest tells servers of one computer apart:
browsers send cookies to all of its ports."""

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
    """Reason to refuse a request: an HTTP status, a code and a sentence."""

    status: int
    code: str
    message: str


@dataclass(frozen=True)
class Access:
    """Decides which requests are answered.

    Attributes:
        token: token that every request must bring as a cookie, or None. Without a token, only names
            of this computer are accepted as hosts, because any site may point its own name to this
            address (DNS rebinding).
    """

    token: Optional[str] = None

    def refusal(self, headers: Mapping[str, str], cookies: Mapping[str, str]) -> Optional[Refusal]:
        """Return the reason to refuse a request, or None.

        Args:
            headers: headers of the request.
            cookies: cookies of the request.
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
        if self.token is not None and not any(map(self.is_token, _tokens(cookies))):
            return Refusal(
                401,
                "token",
                "open the address with the token that the server printed when it started",
            )
        return None

    def _names(self, headers: Mapping[str, str]) -> Tuple[str, ...]:
        """Return the names of the server in this request, including those used by a proxy."""
        host = headers.get("Host", "").lower()
        forwarded = headers.get("X-Forwarded-Host", "").lower()
        return (host,) if self.token is None or not forwarded else (host, forwarded)

    @property
    def cookie(self) -> str:
        """Name of the cookie with the token."""
        digest = hashlib.sha256((self.token or "").encode()).hexdigest()
        return f"{COOKIE}-{digest[:12]}"

    def is_token(self, value: Optional[str]) -> bool:
        """Compare a value with the token in constant time."""
        if self.token is None or value is None:
            return False
        return hmac.compare_digest(value.encode("utf-8", "replace"), self.token.encode())


def _tokens(cookies: Mapping[str, str]) -> Iterator[str]:
    return (value for name, value in cookies.items() if name.startswith(COOKIE))


def change_refusal(headers: Mapping[str, str], content_type: str) -> Optional[Refusal]:
    """Return the reason to refuse a request that changes something, or None."""
    if content_type != "application/json":
        return Refusal(415, "content_type", "changes are sent as application/json")
    if headers.get(MARK) != "1":
        return Refusal(403, "mark", f"changes are sent with the header {MARK}: 1")
    return None


def person_of(headers: Mapping[str, str]) -> str:
    """Return the name of the person who sends the request; may be empty."""
    name = unquote(headers.get(NAME, ""), errors="replace")
    return clean_text(name)[:_LONGEST_NAME].strip()


def is_loopback(name: str) -> bool:
    """Return whether a host name or address always means this computer."""
    if name.lower().rstrip(".") == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def _host_name(host: str) -> str:
    """Return the name in a Host header, without the port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]
