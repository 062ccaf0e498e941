"""Signing and sealing with the platform's secret: cursors, fingerprints, stored answers."""

from __future__ import annotations

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken


class Seal:
    """Keys for one purpose, derived from the platform's secret, so that purposes never mix."""

    def __init__(self, secret: bytes, purpose: str) -> None:
        self._key = hmac.digest(secret, purpose.encode(), hashlib.sha256)
        self._fernet = Fernet(base64.urlsafe_b64encode(self._key))

    def mark(self, *parts: bytes) -> bytes:
        """A keyed hash (32 bytes) of parts; their borders count."""
        mac = hmac.new(self._key, digestmod=hashlib.sha256)
        for part in parts:
            mac.update(len(part).to_bytes(8, "big") + part)
        return mac.digest()

    def agrees(self, mark: bytes, *parts: bytes) -> bool:
        """Whether a mark is the parts' own, or its beginning of at least 16 bytes; in constant time."""
        return len(mark) >= 16 and hmac.compare_digest(mark, self.mark(*parts)[: len(mark)])

    def close(self, plain: bytes) -> bytes:
        """Encrypt and authenticate."""
        return self._fernet.encrypt(plain)

    def open(self, closed: bytes) -> bytes | None:
        """What was closed, or None when it is not ours or was changed."""
        try:
            return self._fernet.decrypt(closed)
        except InvalidToken:
            return None
