"""How tests ask what a rule says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ValidationError

from shared.rulebook import Refusal, Refused


def verdict(act: Callable[..., Any], *given: Any) -> str | None:
    """The id of the rule that refuses, or None when nothing does."""
    try:
        answer = act(*given)
    except Refused as refused:
        answer = refused.refusal
    if not isinstance(answer, Refusal):
        return None
    assert answer.message.en and answer.message.zh, f"{answer.rule} says no without a reason"
    assert answer.violation().legal_basis, f"{answer.rule} says no without a source"
    return answer.rule


def verdicts(model: type[BaseModel], facts: dict[str, Any]) -> list[str]:
    """The ids of the rules that refuse a message."""
    try:
        model.model_validate(facts)
    except ValidationError as wrong:
        causes = [error.get("ctx", {}).get("error") for error in wrong.errors()]
        return [cause.refusal.rule for cause in causes if isinstance(cause, Refused)]
    return []
