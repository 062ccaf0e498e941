"""The extra is an extra: without it everything else works, and what needs it says so."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from services.matching.service.cluster import Shards


def test_shards_without_ray_name_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(RuntimeError, match="requirements-ray"):
        Shards.empty(tmp_path, 2)
