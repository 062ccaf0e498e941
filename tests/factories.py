"""Valid by default; a test names only what matters to it."""

from __future__ import annotations

import itertools
import random
import secrets
from typing import Any

from shared.contracts.values import check_character, organization_check

_serial = itertools.count(random.randrange(1_000_000, 9_000_000))
_USCC = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def application_number(*, year: int = 2023, digit: int = 1) -> str:
    """A fresh valid application number."""
    body = f"{year}{digit}{next(_serial) % 10_000_000:07d}"
    return f"{body}.{check_character(body)}"


def uscc(prefix: str = "12370000") -> str:
    """A fresh valid credit code."""
    code = "".join(secrets.choice("0123456789") for _ in range(8))  # hypothesis sets `random` back
    body = prefix + code + organization_check(code)
    total = sum(_USCC.index(c) * pow(3, i, 31) for i, c in enumerate(body))
    return body + _USCC[(31 - total % 31) % 31]


def an_organization(**facts: Any) -> dict[str, Any]:
    number = next(_serial)
    return {"name": f"测试大学{number}", "type": "UNIVERSITY", "uscc": uscc(), **facts}


def a_patent(**facts: Any) -> dict[str, Any]:
    return {
        "application_number": application_number(),
        "patent_type": "INVENTION",
        "title": "一种薄壁件铣削的随动支撑方法",
        "abstract": "铝合金薄壁件铣削时以随动滚轮支撑背面，抑制颤振，表面粗糙度达到Ra1.6。",
        "ipc": ["B23Q11/00"],
        "filing_date": "2023-02-15",
        "grant_date": "2025-06-10",
        "holders": [{"name": "测试大学"}],
        **facts,
    }


def a_listing(**facts: Any) -> dict[str, Any]:
    return {
        "summary": "铣薄壁件不再抖",
        "problem_solved": "薄壁件铣削振动大",
        "application_scenes": ["航空结构件"],
        "modes": ["ORDINARY"],
        "pricing": {"fee_type": "LUMP_SUM", "amount": "30000.00"},
        "industry_codes": ["C34"],
        "region_codes": ["3701"],
        "trl": 7,
        **facts,
    }


def a_need(**facts: Any) -> dict[str, Any]:
    return {
        "title": "铝合金薄壁件铣削颤振怎么抑制",
        "description": "壁厚一到两毫米，铣削时振动，表面有振纹。",
        "industry_code": "C34",
        "region_code": "3701",
        **facts,
    }


def a_restriction(organization_id: str, **facts: Any) -> dict[str, Any]:
    basis = {"kind": "PLATFORM_RULES", "number": "平台参与规则第三条"}
    return {"organization_id": organization_id, "basis": basis, "reason": "提交虚假资质材料", **facts}
