"""The yearly report on the transformation of achievements as a workbook: equal reports give equal bytes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime

import xlsxwriter

from shared.contracts.benefits import ConversionReport
from shared.contracts.values import TYPE_NAME

_WAY = {"OPEN_LICENSE": "开放许可", "OFFER": "协商许可", "QUICK_LICENSE": "快速许可"}
_TYPE = {"ORDINARY": "普通", "SOLE": "排他", "EXCLUSIVE": "独占"}
_SIZE = {"MEDIUM": "中型", "SMALL": "小型", "MICRO": "微型"}
Cell = str | float | int | None
Sheet = tuple[str, Sequence[str], Sequence[Sequence[Cell]]]


def workbook(report: ConversionReport) -> bytes:
    """Four sheets: sums, patents held, licenses, distributions. Texts are written as texts, never as formulas."""
    raw = io.BytesIO()
    with xlsxwriter.Workbook(raw, {"in_memory": True}) as book:
        book.set_properties({"title": f"{report.year} 科技成果转化年度报告", "created": datetime(report.year, 12, 31)})  # noqa: DTZ001 - a cell's day has no zone
        head = book.add_format(
            {"bold": True, "bg_color": "#E8EEF7", "border": 1, "text_wrap": True, "valign": "vcenter"}
        )
        plain, sum_ = book.add_format({"text_wrap": True, "valign": "top"}), book.add_format({"num_format": "#,##0.00"})
        for name, heads, rows in _sheets(report):
            sheet = book.add_worksheet(name)
            sheet.freeze_panes(1, 0)
            for at, text in enumerate(heads):
                sheet.write_string(0, at, text, head)
                sheet.set_column(at, at, _width(text, [row[at] for row in rows]))
            for line, row in enumerate(rows, 1):
                for at, cell in enumerate(row):
                    if isinstance(cell, str):
                        sheet.write_string(line, at, cell, plain)
                    elif cell is not None:
                        sheet.write_number(line, at, cell, sum_ if isinstance(cell, float) else None)
    return raw.getvalue()


def _width(head: str, cells: Sequence[Cell]) -> int:
    longest = max((len(str(cell)) for cell in [head, *cells] if cell is not None), default=8)
    return min(60, max(12, 2 * longest))


def _yuan(amount: str) -> float:
    return float(amount)  # a cell of a workbook is a float; up to 15 digits it shows the amount exactly


def _sheets(report: ConversionReport) -> list[Sheet]:
    totals = report.totals
    sums: list[Sequence[Cell]] = [
        ["单位名称", report.organization_name],
        ["统一社会信用代码", report.uscc or ""],
        ["报告年度", report.year],
        ["当年生效的许可（项）", totals.licenses],
        *[(f"其中：{_WAY[way]}（项）", count) for way, count in totals.by_way.items()],
        ["被许可的中小微企业（家）", totals.small_firms],
        ["约定的固定许可费（元）", _yuan(totals.agreed.amount)],
        ["当年到账（元）", _yuan(totals.received.amount)],
        ["当年批准分配的许可净收入（元）", _yuan(totals.net.amount)],
        ["其中：奖励和报酬（元）", _yuan(totals.persons.amount)],
        ["获得奖励和报酬的人员（人）", totals.rewarded],
        *[(f"需补充 {at}", line) for at, line in enumerate(report.to_add, 1)],
    ]
    return [
        ("总表", ["项目", "内容"], sums),
        (
            "科技成果",
            ["专利类型", "已授权（件）", "当年授权（件）", "维持有效（件）"],
            [[TYPE_NAME[one.patent_type].zh, one.held, one.granted_in_year, one.in_force] for one in report.holdings],
        ),
        (
            "转化情况",
            ["许可编号", "专利名称", "专利号", "许可方式", "转化途径", "被许可方", "企业规模", "签订日", "生效日",
             "固定许可费（元）", "提成", "当年到账（元）"],
            [
                [
                    one.license_id, "；".join(one.titles), "；".join(one.numbers), _TYPE[one.license_type], _WAY[one.way],
                    one.licensee, _SIZE[one.licensee_size] if one.licensee_size else "", one.agreed_on.isoformat(),
                    one.effective_on.isoformat(), _yuan(one.agreed.amount) if one.agreed else None,
                    "有" if one.has_royalty else "无", _yuan(one.received.amount),
                ]
                for one in report.licenses
            ],
        ),
        (
            "收入分配",
            ["分配编号", "许可编号", "专利名称", "批准日", "收入（元）", "扣除费用（元）", "共有人（元）", "净收入（元）",
             "奖励和报酬（元）", "人数", "单位留存（元）", "奖励比例"],
            [
                [
                    one.distribution_id, one.license_id, "；".join(one.titles), one.approved_on.isoformat(),
                    _yuan(one.gross.amount), _yuan(one.costs.amount), _yuan(one.co_owners.amount), _yuan(one.net.amount),
                    _yuan(one.persons.amount), one.rewarded, _yuan(one.unit.amount), one.ratio or "",
                ]
                for one in report.distributions
            ],
        ),
    ]  # fmt: skip
