"""Rows that were read before and say what their records still hold: told by a digest, so that nobody judges them again."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

DIGEST_BYTES = 16
_HERE = Path(__file__).parent
_JUDGES = (_HERE, _HERE.parent / "rules", _HERE.parents[2] / "shared" / "contracts" / "values")
# Read when this is imported: who reads files for others soon may open none.
_JUDGED_BY = blake2b(
    b"".join(source.read_bytes() for folder in _JUDGES for source in sorted(folder.glob("*.py")))
).hexdigest()
_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str).encode


class Known:
    """Digests of rows. They hold for one reading: under other heads, regions or rules a row has another one."""

    def __init__(self, digests: str, field_of: Mapping[str, str], regions: Mapping[str, str]) -> None:
        """`digests` as `Order.known` has them."""
        held = b64decode(digests)
        self._ordinals = {held[at : at + DIGEST_BYTES]: at // DIGEST_BYTES for at in range(0, len(held), DIGEST_BYTES)}
        reading = _json([_JUDGED_BY, field_of, regions]).encode(errors="surrogatepass")
        self._reading = blake2b(blake2b(reading).digest(), digest_size=DIGEST_BYTES)

    def digest(self, raw: Mapping[str, Any]) -> bytes:
        """What tells a row, given as {head: cell}, from every other one."""
        found = self._reading.copy()
        found.update(_json(raw).encode(errors="surrogatepass"))
        return found.digest()

    def take(self, digest: bytes) -> int | None:
        """The ordinal of a known digest, once: a second row that says the same is one too many."""
        return self._ordinals.pop(digest, None)
