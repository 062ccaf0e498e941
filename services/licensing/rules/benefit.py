"""Who gets what of a license's income: the co-owners, the people who made it, the unit. Whole fen, every split exact."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, Decimal
from typing import Literal

from services.licensing.rules.names import zh
from services.licensing.rules.terms import yuan
from shared.contracts.benefits import DistributionAct, DistributionState
from shared.errors import Text
from shared.rulebook import Refusal, rule

STATUTORY = Decimal("0.50")
_TRANSFORMATION = "Law on Promoting the Transformation of Achievements"
_ART_44 = Text(f"{_TRANSFORMATION} Art. 44", "促进科技成果转化法第四十四条")
_ART_45 = Text(f"{_TRANSFORMATION} Art. 45", "促进科技成果转化法第四十五条")
_ART_14 = Text("Patent Law Art. 14", "专利法第十四条")
_S = DistributionState


@dataclass(frozen=True, slots=True)
class Owner:
    """A co-owner, and its share in hundredths of a per cent; None while no share is recorded."""

    name: str
    uscc: str | None = None
    organization_id: str | None = None
    share: int | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who made the achievement or brought it into use, with a weight beside the others."""

    name: str
    inventor_id: str | None = None
    weight: int = 1


@dataclass(frozen=True, slots=True)
class Scheme:
    """How a unit shares its net income: the persons' rate, and what is left by named parts (name, rate of the whole)."""

    persons_rate: Decimal
    unit_parts: Sequence[tuple[str, Decimal]]


@dataclass(frozen=True, slots=True)
class Part:
    """What somebody is due, in fen."""

    kind: Literal["CO_OWNER", "PERSON", "UNIT"]
    name: str
    fen: int
    uscc: str | None = None
    organization_id: str | None = None
    inventor_id: str | None = None


@dataclass(frozen=True, slots=True)
class SharedOut:
    """A whole distribution, in fen: gross = common costs + all parts + costs of the own share."""

    own: int
    net: int
    persons: int
    parts: Sequence[Part]


def split(fen: int, weights: Sequence[int]) -> list[int]:
    """Whole fen by weights, exact: the largest remainders get what is left over, of equal ones the first.

    Raises: nothing; the weights are not negative and not all nothing.
    """
    total = sum(weights)
    assert total > 0 and min(weights) >= 0 and fen >= 0
    found = [fen * weight // total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda at: (-(fen * weights[at] % total), at))
    for at in by_remainder[: fen - sum(found)]:
        found[at] += 1
    return found


@rule(
    "BEN-SPLIT",
    source=Text("Patent Law Art. 14, 15; Art. 45", "专利法第十四条、第十五条；促进科技成果转化法第四十五条"),
    since="2021-06-01",
)
def shared_out(
    gross: int,
    common_costs: int,
    own_costs: int,
    owners: Sequence[Owner],
    own_at: int | None,
    scheme: Scheme | None,
    persons: Sequence[Person],
) -> SharedOut:
    """Income less common costs goes to the owners by their shares; the unit's own part, less its costs, to the persons and itself.

    The persons' part is rounded up to the fen, so that a floor is never missed by a fraction. `own_at` is the unit
    among the owners, None where the record is kept for others: their parts are then due to them whole. Without a
    scheme the unit keeps its part: an individual, or a firm that has nobody to reward.
    """
    shares = split(gross - common_costs, [owner.share or 0 for owner in owners])
    parts = [
        Part("CO_OWNER", owner.name, fen, owner.uscc, owner.organization_id)
        for at, (owner, fen) in enumerate(zip(owners, shares, strict=True))
        if at != own_at and fen
    ]
    if own_at is None:
        return SharedOut(0, 0, 0, parts)
    own = shares[own_at]
    net = own - own_costs
    due = int((net * scheme.persons_rate).to_integral_value(ROUND_CEILING)) if scheme else 0
    parts += [
        Part("PERSON", person.name, fen, inventor_id=person.inventor_id)
        for person, fen in zip(
            persons, split(due, [one.weight for one in persons]) if due else [0] * len(persons), strict=True
        )
    ]
    kept = [(name, int(rate * 10**6)) for name, rate in (scheme.unit_parts if scheme else ())] or [
        (owners[own_at].name, 1)
    ]
    left = net - due
    fens = split(left, [weight for _, weight in kept]) if left else [0] * len(kept)
    parts += [Part("UNIT", name, fen) for (name, _), fen in zip(kept, fens, strict=True)]
    return SharedOut(own, net, due, [part for part in parts if part.fen])


@rule("BEN-FLOOR", source=_ART_45, since="2015-10-01")
def persons_get_enough(persons_rate: Decimal, is_state_unit: bool) -> Refusal | None:
    """A state university or institute gives the people at least half of the net income; its own rules cannot give less."""
    if not is_state_unit or persons_rate >= STATUTORY:
        return None
    return Refusal(
        "BEN-FLOOR",
        Text(
            f"{persons_rate:.0%} is less than the 50% of net license income that a state unit owes its people",
            f"国家设立的高校院所从许可净收入中提取的奖励比例不得低于50%，现为{persons_rate:.0%}",
        ),
        Text('set persons_rate to "0.5" or more', "请将 persons_rate 设为 “0.5” 或更高"),
        pointer="/persons_rate",
    )


@rule("BEN-PUBLIC", source=_ART_44, since="2015-10-01")
def rule_was_public(published_on: date, valid_from: date, today: date, has_document: bool) -> Refusal | None:
    """A unit hears its people on the rule and makes it public inside before it is valid."""
    if published_on <= min(valid_from, today) and has_document:
        return None
    return Refusal(
        "BEN-PUBLIC",
        Text(
            "the rule has to be public inside the unit before it is valid, and its text a document",
            "收益分配规定应在生效前于本单位公开，并附规定文本",
        ),
        Text(
            "upload the text at /v1/documents, and give the day on which it was made public",
            "请在 /v1/documents 上传规定文本并填写公开日期",
        ),
        pointer="/published_on" if has_document else "/document_ids",
    )


@rule("DIST-SHARES", source=_ART_14, since="2021-06-01")
def shares_are_known(owners: Sequence[Owner], *, are_agreed: bool, has_document: bool) -> Refusal | None:
    """A fee is divided among co-owners by agreed or recorded shares; the law names none, so without them the split stays open."""
    if are_agreed and not has_document:
        return Refusal(
            "DIST-SHARES",
            Text("shares that differ from the record need the owners' agreement", "与登记不同的分配份额须附共有人约定"),
            Text("name the agreement in document_ids", "请在 document_ids 中附上约定文件"),
            pointer="/document_ids",
        )
    if all(owner.share is not None for owner in owners) and sum(owner.share or 0 for owner in owners) == 100_00:
        return None
    names = ", ".join(owner.name for owner in owners)
    return Refusal(
        "DIST-SHARES",
        Text(
            f"the shares of the owners are not recorded, or differ between the patents: {names}",
            f"各共有人份额未登记，或各专利的共有人、份额不一致：{names}",
        ),
        Text(
            "record the shares of the patents' holders, or give owner_shares with the owners' agreement",
            "请先登记专利权人份额，或填写 owner_shares 并附共有人约定",
        ),
        pointer="/owner_shares",
    )


@rule("DIST-MONEY", source=_ART_45, since="2015-10-01")
def there_is_money(fen: int) -> Refusal | None:
    """What is distributed has arrived, counts towards the fee, and was not distributed before."""
    if fen > 0:
        return None
    return Refusal(
        "DIST-MONEY",
        Text("nothing of this license has arrived that is not distributed already", "该许可没有尚未分配的到账收入"),
        Text("confirm the payments that have arrived", "请先确认到账的付款"),
        pointer="/license_id",
    )


@rule("DIST-COSTS", source=_ART_45, since="2015-10-01")
def costs_are_covered(gross: int, common: int, own: int, own_costs: int) -> Refusal | None:
    """Net income is what is left after the costs of the deal; they are never more than it."""
    if common <= gross and own_costs <= own:
        return None
    wrong, of = (common, gross) if common > gross else (own_costs, own)
    return Refusal(
        "DIST-COSTS",
        Text(
            f"costs of {yuan(wrong)} exceed the {yuan(of)} they are taken from",
            f"扣除费用{yuan(wrong)}元超过可扣除金额{yuan(of)}元",
        ),
        Text("leave costs for the next distribution", "超出部分请在下次分配时扣除"),
        pointer="/deductions",
    )


@rule("DIST-PERSONS", source=_ART_44, since="2015-10-01")
def somebody_is_named(persons: Sequence[Person], is_owed: bool) -> Refusal | None:
    """The people who are rewarded are named: the recorded inventors, or those whom the unit names, each once."""
    keys = [(person.inventor_id or "", person.name) for person in persons]
    if (persons or not is_owed) and len(set(keys)) == len(keys):
        return None
    return Refusal(
        "DIST-PERSONS",
        Text(
            "a person is named twice" if persons else "nobody is named, and the patents record no inventor",
            "同一人员重复填写" if persons else "未填写受奖人员，专利也未登记发明人",
        ),
        Text("list each person once in persons, with a weight", "请在 persons 中逐一列出人员及权重"),
        pointer="/persons",
    )


@rule("DIST-PLEDGE", source=Text("Civil Code Art. 444", "民法典第四百四十四条第二款"), since="2021-01-01")
def pledgees_come_first(pledgees: Sequence[str]) -> Refusal | None:
    """What a pledged patent earns goes to the secured debt first, or into escrow: a warning."""
    if not pledgees:
        return None
    names = ", ".join(pledgees)
    return Refusal(
        "DIST-PLEDGE",
        Text(
            f"the patent is pledged to {names}: the fee pays the secured debt first, or goes into escrow",
            f"该专利已质押给{names}：许可使用费应先向质权人提前清偿债务或者提存",
        ),
        Text("settle it with the creditor, then acknowledge", "请先与质权人处理，再确认本提示"),
        pointer="/license_id",
        severity="WARN",
    )


_FROM = {
    DistributionAct.APPROVAL: (_S.COMPUTED,),
    DistributionAct.WITHDRAWAL: (_S.COMPUTED, _S.APPROVED),
    DistributionAct.PAYOUTS: (_S.APPROVED,),
}


@rule("DIST-STATE", source=_ART_44, since="2015-10-01")
def act_is_open(act: DistributionAct, state: DistributionState, *, is_partly_paid: bool) -> Refusal | None:
    """A computed distribution is approved, then paid out; it is withdrawn only while nobody was paid."""
    if state in _FROM[act] and not (act is DistributionAct.WITHDRAWAL and is_partly_paid):
        return None
    return Refusal(
        "DIST-STATE",
        Text(
            f"the distribution is {state.value}{', partly paid' if is_partly_paid else ''}; {act.value} is not open",
            f"分配状态为{zh(state)}{'（已部分发放）' if is_partly_paid else ''}，不能进行该操作",
        ),
        Text("read the distribution again", "请重新读取分配记录"),
    )


@rule("DIST-PAYOUT", source=_ART_44, since="2015-10-01")
def parts_are_open(
    wanted: Sequence[str], open_: Sequence[str], paid_on: date, approved_on: date | None, today: date
) -> Refusal | None:
    """Each part is paid once, after the approval and not on a day to come."""
    unknown = [id_ for id_ in wanted if id_ not in open_]
    if not unknown and len(set(wanted)) == len(wanted) and (approved_on is None or approved_on <= paid_on <= today):
        return None
    if unknown or len(set(wanted)) != len(wanted):
        return Refusal(
            "DIST-PAYOUT",
            Text(
                f"not to be paid: {', '.join(unknown or wanted)}",
                f"不可发放（不存在或已发放）：{'、'.join(unknown or wanted)}",
            ),
            Text(
                "name parts of this distribution that are not paid yet, each once",
                "请填写本次分配中尚未发放的份额，每项一次",
            ),
            pointer="/part_ids",
        )
    return Refusal(
        "DIST-PAYOUT",
        Text(
            f"{paid_on} is not between the approval ({approved_on}) and today",
            f"{paid_on} 不在批准日（{approved_on}）至今天之间",
        ),
        Text("give the day on which it was paid", "请填写实际发放日期"),
        pointer="/paid_on",
    )


def percent(share: str | None) -> int | None:
    """A share in per cent as hundredths of one."""
    return None if share is None else int(Decimal(share) * 100)


def costs(deductions: Sequence[tuple[int, bool]]) -> tuple[int, int]:
    """Deductions (fen, whether all owners bear it) as (common, own)."""
    return sum(fen for fen, is_common in deductions if is_common), sum(
        fen for fen, is_common in deductions if not is_common
    )


def agreed_shares(per_patent: Sequence[Sequence[Owner]]) -> Sequence[Owner]:
    """The owners of patents that are licensed together: those of one where all say the same, else without shares."""
    first = per_patent[0]
    if all(_key(owners) == _key(first) for owners in per_patent):
        return [Owner(first[0].name, first[0].uscc, first[0].organization_id, 100_00)] if len(first) == 1 else first
    every = {(_of(owner)): owner for owners in per_patent for owner in owners}
    return [Owner(one.name, one.uscc, one.organization_id, None) for one in every.values()]


def _of(owner: Owner) -> str:
    return owner.uscc or owner.organization_id or owner.name


def _key(owners: Sequence[Owner]) -> list[tuple[str, int | None]]:
    return sorted((_of(owner), owner.share) for owner in owners) if len(owners) > 1 else [(_of(owners[0]), None)]


def rates_of(text: Sequence[tuple[str, str]]) -> Iterator[tuple[str, Decimal]]:
    """Named rates as numbers."""
    return ((name, Decimal(rate)) for name, rate in text)
