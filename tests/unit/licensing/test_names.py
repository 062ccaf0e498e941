"""Every state that a rule speaks of has a Chinese name."""

from __future__ import annotations

from enum import StrEnum

import pytest

from services.licensing.rules import names


@pytest.mark.parametrize("states", list(names._NAMES), ids=lambda states: states.__name__)
def test_every_state_has_a_chinese_name(states: type[StrEnum]) -> None:
    assert len({names.zh(state) for state in states}) == len(states)
    assert not any(letter.isascii() for state in states for letter in names.zh(state))
