"""HTTP Basic: an `Authorization` header → whether it has the credentials."""

from __future__ import annotations

import base64
import binascii
import secrets
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Credentials:
    """User (at the vendor: the tenant's subdomain) and API token: opaque texts; the token is not shown."""

    user: str
    token: str = field(repr=False)

    def accepts(self, authorization: str | None) -> bool:
        """Whether an `Authorization` header has these credentials; `None` means no header."""
        scheme, _, encoded = (authorization or "").partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            given = base64.b64decode(encoded.strip(), validate=True)
        except (binascii.Error, ValueError):
            return False
        return secrets.compare_digest(given, f"{self.user}:{self.token}".encode())
