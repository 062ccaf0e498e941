"""Quantities, ratios, alloys, formulae and model numbers: found before words are cut, so that no cutter breaks them.

A quantity counts in one spelling, whatever its unit's language (0.5毫米 and 0.5 mm are 0.5mm). A word that mixes letters
and digits, or holds an inner sign, counts whole, without its hyphens, and together with its parts (6061-T6 with 6061
and t6), so that RS-485 and RS485 meet. Percentages count nothing: every patent has them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

_HYPHENS = "‐‑‒–—−"  # patents prefer the one that does not break
_UNITS = {
    "毫米": "mm", "微米": "μm", "um": "μm", "纳米": "nm", "厘米": "cm", "公里": "km", "千米": "km", "米": "m",
    "毫升": "ml", "微升": "μl", "ul": "μl", "升": "l", "毫克": "mg", "微克": "μg", "ug": "μg", "公斤": "kg", "千克": "kg",
    "克": "g", "吨": "t", "千伏": "kv", "毫伏": "mv", "伏特": "v", "伏": "v", "千瓦时": "kwh", "千瓦": "kw", "兆瓦": "mw",
    "瓦": "w", "毫安时": "mah", "安时": "ah", "毫安": "ma", "千赫兹": "khz", "千赫": "khz", "兆赫兹": "mhz", "兆赫": "mhz",
    "吉赫兹": "ghz", "吉赫": "ghz", "赫兹": "hz", "兆帕": "mpa", "千帕": "kpa", "帕": "pa", "摄氏度": "℃", "分贝": "db",
    "分钟": "min", "小时": "h", "毫秒": "ms", "秒": "s", "转/分钟": "rpm", "转/分": "rpm", "转每分钟": "rpm",
    "转每分": "rpm", "r/min": "rpm", "目": "目", "°": "°",
    "mm": "mm", "μm": "μm", "nm": "nm", "cm": "cm", "km": "km", "ml": "ml", "μl": "μl", "mg": "mg", "μg": "μg",
    "kg": "kg", "kv": "kv", "mv": "mv", "kva": "kva", "kw": "kw", "mw": "mw", "kwh": "kwh", "mah": "mah",
    "khz": "khz", "mhz": "mhz", "ghz": "ghz", "hz": "hz", "mpa": "mpa", "kpa": "kpa", "gpa": "gpa", "℃": "℃",
    "db": "db", "rpm": "rpm", "kω": "kω", "mω": "mω", "ω": "ω",
    "wt%": "", "vol%": "", "mol%": "", "at%": "", "%": "", "‰": "",
}  # fmt: skip
_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
# 2目标, 3升降, 5米粉: what only looks like a unit
_NOT_BEFORE = {
    "米": "粉饭面线粒糠酒波黄", "升": "降级温压高华力速学", "克": "隆服拉", "瓦": "楞斯片", "秒": "杀", "帕": "金",
    "目": "标的录前光视测", "伏": "安打",
}  # fmt: skip
_UNIT = "|".join(
    re.escape(unit) + (f"(?![{_NOT_BEFORE[unit]}])" if unit in _NOT_BEFORE else "")
    for unit in sorted(_UNITS, key=len, reverse=True)
)
_LETTER = "a-zα-ω"
_EXACT = re.compile(
    rf"(?<![0-9{_LETTER}.])(?:({_NUMBER})\s?(?:[-~至到]+\s?({_NUMBER}))?\s?({_UNIT})(?![0-9{_LETTER}])"  # 10-20 nm
    r"|([0-9]+:[0-9]+(?:\.[0-9]+)?)(?![0-9:]))"  # 1:500
    rf"|(?<![0-9{_LETTER}])([0-9{_LETTER}]+"  # 6061-t6, m8×1.25, al2o3, ca(oh)2, pm2.5, wi-fi
    rf"(?:\([{_LETTER}]+\)[0-9]+|[-.×][0-9{_LETTER}]+|[0-9](?=[{_LETTER}])|[{_LETTER}](?=[0-9]))"
    rf"[0-9{_LETTER}]*(?:[-.×][0-9{_LETTER}]+)*)"
)
_BEGIN = re.compile(rf"[0-9{_LETTER}]+")  # nothing is taken that does not begin with such a run …
_AFTER = "-.×("  # … and a run of letters alone has one of these after it
_PIECE = re.compile(rf"[0-9{_LETTER}]+")
_FIGURE = re.compile(rf"{_NUMBER}[{_LETTER}]*")
_DIGITS = re.compile(rf"(?<=[{_LETTER}])[0-9]{{3,}}")


def taken(folded: str) -> tuple[list[tuple[int, str]], str]:
    """What of a folded text is kept whole, each with where it begins, and the text without it."""
    for hyphen in _HYPHENS:
        folded = folded.replace(hyphen, "-")
    found: list[tuple[int, str]] = []
    rest, done = [], 0
    for run in _BEGIN.finditer(folded):
        at, end = run.span()
        if at < done or (run[0].isalpha() and folded[end : end + 1] not in _AFTER):
            continue
        if match := _EXACT.match(folded, at):
            found += [(at, term) for term in _counted(*match.groups())]
            rest.append(folded[done:at])
            done = match.end()
    return found, " ".join((*rest, folded[done:]))


@lru_cache(maxsize=1 << 14)
def _counted(
    low: str | None, high: str | None, unit: str | None, ratio: str | None, word: str | None
) -> tuple[str, ...]:
    """As what a match counts."""
    if unit:
        return tuple(_plain(number) + _UNITS[unit] for number in (low, high) if number and _UNITS[unit])
    return (ratio,) if ratio else tuple(_parts(word or ""))


def _parts(word: str) -> Iterator[str]:
    whole = re.sub(r"[-()]", "", word)
    yield whole
    pieces = _PIECE.findall(word)
    if len(pieces) > 1 and not _FIGURE.fullmatch(word):
        yield from (piece for piece in pieces if len(piece) > 1 and piece != whole)
    yield from (digits for digits in _DIGITS.findall(word) if digits != whole and digits not in pieces)


def _plain(number: str) -> str:
    """5.0 and 05 are 5."""
    return f"{float(number):.6g}" if len(number) < 12 else number
