"""Exports: patents as files that an import takes back unchanged, and the empty forms to fill in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import date
from typing import Any

from pydantic_core import to_json
from sqlalchemy import Row

from services.catalog.reading.protocol import HEADS
from services.catalog.rules import intake, statuslists
from services.catalog.rules.tables import joined
from services.catalog.service.patents import FIELDS, Patents
from services.catalog.service.tables import MEDIA_TYPE, Format, Head, Sent, sent
from services.catalog.service.targets import status_of
from shared import context
from shared.auth import Caller
from shared.clock import Clock, legal_day
from shared.contracts.catalog import EventCode, ImportSubject, LegalState, PatentExport
from shared.contracts.values import TYPE_NAME, PatentType, check_character
from shared.errors import Text, Unavailable

AT_ONCE = 3  # exports that are being written; each holds a connection
_COLUMNS = [name for name in intake.HEADS.names if name in FIELDS]
_STATUS = {
    "zh": ("当前法律状态", "状态依据日", "状态新鲜度", "平台编号"),
    "en": ("current legal state", "state as of", "freshness", "platform id"),
}
_STATE = {state: names[0] for state, names in statuslists.STATE_NAMES.items()}


class Exports:
    """Use cases on files that go out."""

    def __init__(self, patents: Patents, clock: Clock) -> None:
        self._patents, self._clock, self._running = patents, clock, 0

    async def patents(self, asked: PatentExport, by: Caller) -> Sent:
        """All patents that a list with these filters would show, as of one moment.

        Raises: Unavailable, while three others are being written.
        """
        if self._running >= AT_ONCE:
            raise Unavailable("other exports are being written", "正在生成其他导出文件，请稍后重试", retry_after_s=10)
        language, today = context.language.get(), legal_day(self._clock.now())
        pieces = self._counted(self._patents.every(asked, by))
        name = Text(f"patents-{today}", f"专利清单-{today}")
        if asked.format == "ndjson":
            full = Text(f"{name.en}.ndjson", f"{name.zh}.ndjson")
            return Sent(full, MEDIA_TYPE["ndjson"], _objects(pieces, today))
        heads = [_head(column, intake.HEADS.shown(column, language)) for column in _COLUMNS]
        heads += [_head("", title) for title in _STATUS[language]]
        return sent(asked.format, name, heads, _rows(pieces, today, language), language)

    async def _counted(self, pieces: AsyncIterator[Sequence[Row[Any]]]) -> AsyncIterator[Sequence[Row[Any]]]:
        self._running += 1
        try:
            async for piece in pieces:
                yield piece
        finally:
            self._running -= 1

    async def template(self, subject: ImportSubject, form: Format) -> Sent:
        """A list to be filled in: heads, and two rows that can be imported as they stand."""
        known = HEADS[subject]
        names = [name for name in known.names if name in _NOTES and name in _EXAMPLES[subject][0]]
        heads = [_head(name, known.shown(name, "zh"), f"{name}: {_NOTES[name].en}") for name in names]
        notes = [["列名 Head", "字段 Field", "说明", "Meaning"]]
        notes += [[known.shown(name, "zh"), name, _NOTES[name].zh, _NOTES[name].en] for name in names]
        notes += [["", "", note.zh, note.en] for note in _GENERAL]
        rows = [[example[name] for name in names] for example in _EXAMPLES[subject]]
        title = {
            ImportSubject.PATENTS: Text("patents-template", "专利导入模板"),
            ImportSubject.LEGAL_EVENTS: Text("legal-events-template", "法律事件导入模板"),
            ImportSubject.ANNUAL_FEES: Text("annual-fees-template", "年费导入模板"),
        }[subject]
        return sent(form, title, heads, _each(rows), "zh", notes)


def _head(name: str, text: str, comment: str | None = None) -> Head:
    return Head(name, Text(text, text), 40 if name in ("title", "abstract") else 18, comment)


async def _each(rows: Sequence[Sequence[str]]) -> AsyncIterator[Sequence[str]]:
    for row in rows:
        yield row


async def _rows(pieces: AsyncIterator[Sequence[Row[Any]]], today: date, language: str) -> AsyncIterator[Sequence[str]]:
    async for piece in pieces:
        for row in await asyncio.to_thread(_table, piece, today, language):
            yield row


def _table(rows: Sequence[Row[Any]], today: date, language: str) -> list[list[str]]:
    return [_cells(row, today, language) for row in rows]


def _cells(row: Row[Any], today: date, language: str) -> list[str]:
    fields = row._mapping
    cells = [_cell(name, fields[name], language) for name in _COLUMNS]
    status = status_of(row, today)
    state = _STATE[status.state] if language == "zh" else status.state.value
    return [*cells, state, status.as_of.isoformat() if status.as_of else "", status.freshness.value, row.id]


def _cell(name: str, value: Any, language: str) -> str:
    if isinstance(value, str):
        return TYPE_NAME[PatentType(value)].zh if name == "patent_type" and language == "zh" else value
    if value is None:
        return ""
    return joined(value) if isinstance(value, list) else str(value.isoformat())


async def _objects(pieces: AsyncIterator[Sequence[Row[Any]]], today: date) -> AsyncIterator[bytes]:
    async for piece in pieces:
        yield await asyncio.to_thread(_lines, piece, today)


def _lines(rows: Sequence[Row[Any]], today: date) -> bytes:
    return b"".join(_object(row, today) for row in rows)


def _object(row: Row[Any], today: date) -> bytes:
    values = row._mapping
    fields = {name: values[name] for name in FIELDS}
    return to_json({"id": row.id, **fields, "legal_status": status_of(row, today), "sample": row.is_sample}) + b"\n"


def _number(digits: str) -> str:
    return f"{digits}.{check_character(digits)}"


_INVENTION, _MODEL = _number("202319999001"), _number("202329999002")
_NOTES = {
    "application_number": Text(
        "12 digits, a dot, the check character; as text", "12位数字加小数点加校验位；单元格须为文本格式"
    ),
    "publication_number": Text("CN, digits and kind letter; this or the application number", "CN 加数字加种类代码；与申请号至少填一个"),
    "patent_type": Text("发明, 实用新型 or 外观设计; may be left out where the number tells", "发明、实用新型或外观设计；可由号码推断时可不填"),
    "title": Text("needed for a new patent", "新专利必填"),
    "abstract": Text("up to 20,000 characters", "不超过 20000 字"),
    "ipc": Text("several with ; between", "多个分类号用分号分隔"),
    "filing_date": Text("as 2023-02-15", "如 2023-02-15"),
    "grant_date": Text("as 2025-06-10; empty while not granted", "如 2025-06-10；未授权则留空"),
    "holders": Text("all patentees, with ; between; needed for a new patent", "全部专利权人，用分号分隔；新专利必填"),
    "inventors": Text("with ; between", "用分号分隔"),
    "region_code": Text("GB/T 2260, as 3701", "GB/T 2260 代码，如 3701"),
    "external_id": Text("your own id, unique in your organization", "贵单位的内部编号，不得重复"),
    "number": Text("application or publication number of a patent that is recorded here", "已登记专利的申请号或公开（公告）号"),
    "event": Text(
        "one of " + ", ".join(code.value for code in EventCode),
        "填写：" + "、".join(names[0] for names in statuslists.EVENT_NAMES.values()),
    ),
    "occurred_on": Text("the day of the event, not in the future", "事件发生日，不得晚于今天"),
    "state": Text(
        "for a look at the register: one of " + ", ".join(state.value for state in LegalState),
        "登记簿核查时填写：" + "、".join(names[0] for names in statuslists.STATE_NAMES.values()),
    ),
    "fees_paid_until": Text("until when annual fees are paid", "年费已缴至何日"),
    "paid_on": Text("the day of payment", "缴费日"),
    "fee_year": Text("the fee year, counted from the filing date, where the day is not known", "年费年度（自申请日起算），不知缴至日时填写"),
    "note": Text("as you like", "备注"),
}  # fmt: skip
_GENERAL = [
    Text("Columns may stand in any order and be left out; further columns are ignored.", "列的顺序不限，可省略；多余的列不读取。"),
    Text("Do not merge cells: a merged value counts for its first cell only.", "请勿合并单元格：合并的值只计入第一个单元格。"),
    Text("The two rows are examples: overwrite them.", "两行数据为示例，请覆盖。"),
]  # fmt: skip
_EXAMPLES: dict[ImportSubject, list[dict[str, str]]] = {
    ImportSubject.PATENTS: [
        {
            "application_number": _INVENTION,
            "publication_number": "CN199990001B",
            "patent_type": "发明",
            "title": "一种薄壁件铣削的随动支撑方法（示例）",
            "abstract": "铝合金薄壁件铣削时以随动滚轮支撑背面，抑制颤振。",
            "ipc": "B23Q11/00；B23C3/00",
            "filing_date": "2023-02-15",
            "grant_date": "2025-06-10",
            "holders": "示例大学（虚构）；示例机械厂（虚构）",
            "inventors": "张三；李四",
            "region_code": "3701",
            "external_id": "示例-001",
        },
        {
            "application_number": _MODEL,
            "publication_number": "",
            "patent_type": "实用新型",
            "title": "一种秧盘叠放架（示例）",
            "abstract": "",
            "ipc": "A01G9/02",
            "filing_date": "2023-03-01",
            "grant_date": "",
            "holders": "示例大学（虚构）",
            "inventors": "王五",
            "region_code": "",
            "external_id": "示例-002",
        },
    ],
    ImportSubject.LEGAL_EVENTS: [
        {
            "number": _INVENTION,
            "event": "授权",
            "occurred_on": "2025-06-10",
            "state": "",
            "fees_paid_until": "",
            "note": "",
        },
        {
            "number": _INVENTION,
            "event": "登记簿核查",
            "occurred_on": "2025-07-01",
            "state": "有效",
            "fees_paid_until": "2026-02-15",
            "note": "登记簿副本",
        },
    ],
    ImportSubject.ANNUAL_FEES: [
        {"number": _INVENTION, "paid_on": "2026-01-20", "fees_paid_until": "2027-02-15", "fee_year": "", "note": ""},
        {"number": _MODEL, "paid_on": "2026-01-20", "fees_paid_until": "", "fee_year": "4", "note": "第4年度"},
    ],
}
