"""JSON is taken where every parser and the database agree on it, and nowhere else."""

from __future__ import annotations

import json
import time

import pytest

from shared.errors import BadRequest, InvalidInput
from shared.guard import strict_json


def refusal_of(body: bytes) -> tuple[str, str | None]:
    """Rule and pointer that refuse a body."""
    with pytest.raises(InvalidInput) as refused:
        strict_json(body)
    json.dumps(refused.value.wire("en", "/"), ensure_ascii=False).encode()  # it can be answered
    (violation,) = refused.value.violations
    return violation.rule, violation.pointer


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": [1, -2.5, 1e10, true, null, "\xe4\xb8\x93\xe5\x88\xa9", "[[[{{{"], "A": {"a": 1}}',
        b'"\\ud83d\\ude00"',
        b'{"a~/b": ""}',
        b"123456789012345678901234567890",
        b"1e308",
        b"[" * 32 + b"]" * 32,
        b'"' + b"[" * 100 + b'\\""',
    ],
)
def test_plain_json_is_read_as_everybody_reads_it(body: bytes) -> None:
    assert strict_json(body) == json.loads(body)


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e400", b"-1e400", b"9" * 31, b"1" * 5000])
def test_a_number_that_no_column_holds_is_refused(number: bytes) -> None:
    assert refusal_of(b'{"amount": [' + number + b"]}")[0] == "JSON-NUMBER"


@pytest.mark.parametrize("body", [b'{"a": 1, "a": 2}', b'[{"x": {"k": 1, "\\u006b": 1}}]'])
def test_a_doubled_key_is_refused_however_it_is_spelled(body: bytes) -> None:
    assert refusal_of(body)[0] == "JSON-DOUBLE-KEY"


@pytest.mark.parametrize("body", [b"[" * 33 + b"]" * 33, b'{"a":' * 33 + b"1" + b"}" * 33, b"[" * 100_000])
def test_deep_nests_are_refused_before_they_are_built(body: bytes) -> None:
    assert refusal_of(body)[0] == "JSON-DEPTH"


@pytest.mark.parametrize(
    ("body", "rule", "pointer"),
    [
        (b'{"a/b": ["x", "\\u0000"]}', "TEXT-NUL", "/a~1b/1"),
        (b'{"a~\\u0000": 1}', "TEXT-NUL", ""),
        (b'{"t": "\\ud800"}', "TEXT-SURROGATE", "/t"),
        (b'{"t": ["\\udc00\\ud800"]}', "TEXT-SURROGATE", "/t/0"),
        (b'{"\\udfff": {"k": "\\udfff"}}', "TEXT-SURROGATE", ""),
    ],
)
def test_text_that_no_database_holds_is_refused_with_its_place(body: bytes, rule: str, pointer: str) -> None:
    assert refusal_of(body) == (rule, pointer)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b"{'a': 1}", "not_json"),
        (b'{"a": 1,}', "not_json"),
        (b'"line\nbreak"', "not_json"),
        (b"\xef\xbb\xbf{}", "not_json"),
        (b'"\xed\xa0\x80"', "not_utf8"),  # a surrogate in raw bytes
        ('{"名称": 1}'.encode("gb18030"), "not_utf8"),
        ("[]".encode("utf-16"), "not_utf8"),
    ],
)
def test_what_is_no_json_in_utf8_cannot_be_read(body: bytes, code: str) -> None:
    with pytest.raises(BadRequest) as refused:
        strict_json(body)
    assert refused.value.code == code


@pytest.mark.parametrize("body", [b'"' + b'\\"' * 12_000, b'["' + b'a"' * 20_000, b'{"a": "' + b"\\" * 40_001])
def test_a_string_that_never_ends_is_refused_at_once(body: bytes) -> None:
    started = time.perf_counter()
    with pytest.raises(BadRequest):
        strict_json(body)
    assert time.perf_counter() - started < 1
