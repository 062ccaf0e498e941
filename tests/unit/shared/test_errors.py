"""Problems survive the wire between services."""

from __future__ import annotations

import pytest

from shared.errors import Internal, Language, Problem, RuleRefused, Text, Violation


def kinds(root: type[Problem]) -> list[type[Problem]]:
    return [kind for sub in root.__subclasses__() for kind in (sub, *kinds(sub))]


VIOLATIONS = (
    Violation(
        "LS-TERM",
        Text("the term has ended", "专利权已届满"),
        legal_basis=Text("Patent Law Art. 42", "专利法第四十二条"),
        pointer="/patent_ids",
        cure=Text("nothing to license", "无需许可"),
    ),
    Violation("FILING-YEAR", Text("look again", "请核对"), severity="WARN"),
)


@pytest.mark.parametrize("kind", kinds(Problem))
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_problem_comes_back_as_what_was_raised(kind: type[Problem], language: Language) -> None:
    raised = kind("it went wrong", "出错了", violations=VIOLATIONS, internal="secret table name")
    wire = raised.wire(language, "/v1/listings/lst_1")
    rebuilt = Problem.of_wire(wire["status"], wire, retry_after_s=7)

    assert type(rebuilt) is kind
    assert (rebuilt.code, rebuilt.status, rebuilt.retry_after_s) == (raised.code, raised.status, 7)
    assert rebuilt.wire(language, "/v1/listings/lst_1") == wire
    assert "secret" not in str(wire)


@pytest.mark.parametrize("kind", kinds(Problem))
def test_a_code_of_its_own_stays_with_the_class(kind: type[Problem]) -> None:
    raised = kind("it went wrong", "出错了", code="warning", violations=VIOLATIONS)
    wire = raised.wire("en", "/")
    rebuilt = Problem.of_wire(wire["status"], wire)
    assert (type(rebuilt), rebuilt.code) == (kind, "warning")


def test_an_answer_of_a_stranger_is_still_a_problem() -> None:
    assert type(Problem.of_wire(418, {})) is Internal
    odd = Problem.of_wire(409, {"code": None, "violations": ["no object", {"rule": "X"}], "title": "no"})
    assert (odd.status, odd.code, odd.detail.en) == (409, "conflict", "no")
    assert [violation.rule for violation in odd.violations] == ["X"]


def test_a_rule_speaks_both_languages_and_names_its_source() -> None:
    wire = RuleRefused("no", "不行", violations=VIOLATIONS).wire("zh", "/")
    assert wire["detail"] == "不行"
    assert wire["violations"][0] == {
        "rule": "LS-TERM",
        "severity": "BLOCK",
        "message": "专利权已届满",
        "legal_basis": "专利法第四十二条",
        "pointer": "/patent_ids",
        "cure": "无需许可",
    }
