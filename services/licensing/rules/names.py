"""States as Chinese readers name them; the field that carries one has its code."""

from __future__ import annotations

from enum import StrEnum

from shared.contracts.benefits import DistributionState
from shared.contracts.licensing import (
    InquiryState,
    LicenseState,
    OfferState,
    PaymentState,
    QuickOfferState,
    QuickRequestState,
    RecordalState,
    ReportState,
    RequestState,
)

_NAMES: dict[type[StrEnum], dict[str, str]] = {
    RequestState: {
        "NOTIFIED": "已通知待付款", "PAYMENT_REPORTED": "已报告付款", "EFFECTIVE": "许可有效", "CANCELLED": "已取消",
        "PAYMENT_LAPSED": "付款期限已过", "EXPIRED": "许可已届满", "TERMINATED": "许可已解除",
    },
    PaymentState: {
        "REPORTED": "已报告", "SETTLED": "已到账", "CONTESTED": "有异议", "NOT_RECEIVED": "未到账",
        "WITHDRAWN": "付款人已撤回",
    },
    LicenseState: {
        "PENDING_SIGNATURES": "待签署", "NOT_CONCLUDED": "未成立", "SIGNED": "已签署未开始", "IN_FORCE": "有效",
        "EXPIRED": "已届满", "TERMINATED": "已解除",
    },
    OfferState: {
        "SENT": "待答复", "ACCEPTED": "已承诺", "REJECTED": "已拒绝", "COUNTERED": "已被新要约取代", "REVOKED": "已撤销",
        "EXPIRED": "承诺期限已过",
    },
    InquiryState: {"OPEN": "待洽谈", "IN_NEGOTIATION": "洽谈中", "AGREED": "已达成", "CLOSED": "已关闭"},
    QuickOfferState: {"DRAFT": "草稿", "ACTIVE": "开放中", "PAUSED": "已暂停", "ENDED": "已结束"},
    QuickRequestState: {
        "TRIAL": "试用中", "CONVERTED": "已转正", "IN_FORCE": "有效", "ENDED_WITHOUT_CONVERSION": "试用期满未转正",
        "EXPIRED": "已届满", "TERMINATED": "已解除",
    },
    RecordalState: {
        "NOT_DUE": "无须备案", "DUE": "待备案", "FILED": "已提交", "RECORDED": "已备案", "REFUSED": "不予备案",
        "OVERDUE": "逾期未备案", "CANCELLED": "已注销",
    },
    ReportState: {"REPORTED": "已报告", "VERIFIED": "已核实", "CONTESTED": "有异议"},
    DistributionState: {
        "COMPUTED": "已计算", "APPROVED": "已批准", "PAID": "已发放", "WITHDRAWN": "已撤回",
    },
}  # fmt: skip


def zh(state: StrEnum) -> str:
    """What a state is called in Chinese."""
    return f"“{_NAMES[type(state)][state.value]}”"
