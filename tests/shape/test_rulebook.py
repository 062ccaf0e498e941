"""The rulebook is complete: every rule is sourced, dated, explained and tried by a test."""

from __future__ import annotations

import ast
import importlib
from datetime import date
from pathlib import Path

import pytest

import services.embedded  # noqa: F401 - loads every service, and with them every rule
from services.__main__ import tried_in
from shared.rulebook import Rule, book

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
RULES = sorted(book())


def test_the_rulebook_is_loaded() -> None:
    assert len(RULES) > 40


def test_every_rule_is_named_by_a_test() -> None:
    tried = tried_in(TESTS, RULES)
    assert [id_ for id_ in RULES if not tried[id_]] == []


@pytest.mark.parametrize("rule", [book()[id_] for id_ in RULES], ids=RULES)
def test_a_rule_has_a_source_in_both_languages_a_date_and_a_sentence(rule: Rule) -> None:
    assert rule.source.en.strip()
    assert rule.source.zh.strip()
    assert date(1985, 4, 1) <= rule.since <= date(2026, 12, 31)
    assert len(rule.decides) > 20
    assert rule.decides.endswith((".", ":"))
    module, _, name = rule.where.rpartition(".")
    decide = getattr(importlib.import_module(module), name)
    assert decide.__doc__.strip().splitlines()[0] == rule.decides


def test_every_refusal_in_the_sources_names_a_rule_of_the_book() -> None:
    """Otherwise the no of a rule would end as an error of ours, for want of its legal basis."""
    named: dict[str, str] = {}
    for folder in ("services", "shared"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Refusal":
                    first = node.args[0]
                    assert isinstance(first, ast.Constant), f"{path}:{node.lineno} hides the id of its rule"
                    named[first.value] = f"{path.relative_to(ROOT)}:{node.lineno}"
    assert len(named) > 30
    assert {id_: where for id_, where in named.items() if id_ not in book()} == {}
