"""Open licenses from the declaration to the recordal, through the gateway (scenarios E.1 to E.18 of open licenses)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any

import pytest

from services.licensing.rules.periods import months_after
from tests import factories
from tests.contract.support import problem
from tests.deals import Bank, Case, a_declaration, a_transfer, at, rules_of, words
from tests.world import Api, World

pytestmark = pytest.mark.anyio


@pytest.fixture
async def case(world: World) -> AsyncIterator[Case]:
    yield await Case.open(world)
    if world.clock.offset:
        world.clock.offset = timedelta(0)
        world._signed_in.clear()


async def test_e1_notice_and_payment_are_the_license_and_nobody_approves_it(case: Case) -> None:
    before = (await case.world.house.licensing.changes(0, 1, 0, None)).head
    declared = await case.announced()
    assert declared["state"] == "ANNOUNCED" and declared["announcement_number"] == "KF2026-000001"
    request = await case.notice(declared)
    assert request["state"] == "NOTIFIED" and request["due"]["amount"] == "30000.00"
    assert request["recordal_state"] == "NOT_DUE" and request["license_id"] is None
    await case.settled(request, "30000.00")
    held = await case.seen(request)
    assert held["state"] == "EFFECTIVE" and held["effective_at"] == case.today
    license_ = await case.firm.read(f"/v1/licenses/{held['license_id']}")
    assert license_["license_type"] == "ORDINARY" and license_["state"] == "IN_FORCE"
    assert license_["scope"]["to"] == (months_after(case.world.today, 36) - timedelta(days=1)).isoformat()
    due = date.fromisoformat(held["recordal_due_on"])
    assert due >= months_after(case.world.today, 3) and due - months_after(case.world.today, 3) < timedelta(days=12)
    # Both sides read it, nobody else; and the declaration stays open for the next.
    assert (await case.university.get(f"/v1/licenses/{held['license_id']}")).status_code == 200
    stranger = await case.world.organization()
    problem(await stranger.get(f"/v1/licenses/{held['license_id']}"), 404, "not_found")
    problem(await stranger.get(f"/v1/open-license-requests/{held['id']}"), 404, "not_found")
    # Both are told of each step, and nobody else.
    told = (await case.world.house.licensing.changes(before, 1_000, 0, None)).items
    heard = {each.audience for each in told if each.type == "request.notified" and each.subject == held["id"]}
    assert heard == {case.university.organization_id, case.firm.organization_id}
    assert (await case.world.anyone().read(at(declared)))["state"] == "ANNOUNCED"


async def test_what_was_announced_and_licensed_comes_onto_the_patents_record(case: Case) -> None:
    declared = await case.announced(fee={"fee_type": "FREE"})
    request = await case.notice(declared)
    assert request["state"] == "EFFECTIVE" and request["due"]["amount"] == "0.00"

    async def codes() -> list[str]:
        log = await case.university.read(f"/v1/patents/{case.patent}/legal-events")
        return [event["code"] for event in log["items"]]

    for _ in range(200):
        if {"OPEN_LICENSE", "LICENSE_RECORDED"} <= set(await codes()):
            break
        await asyncio.sleep(0.05)
    assert sorted(await codes()) == ["LICENSE_RECORDED", "OPEN_LICENSE", "REGISTER_CHECKED"]
    patent = await case.university.read(f"/v1/patents/{case.patent}")
    assert patent["exploitation_status"] == "LICENSED"
    # Patent Law Art. 51: nothing sole or exclusive beside an open license; a second open license is allowed to be asked.
    acts = (await case.university.read(f"/v1/patents/{case.patent}/eligibility"))["acts"]
    assert not acts["EXCLUSIVE_LICENSE"]["allowed"]
    assert "OL-IN-FORCE" in [each["rule"] for each in acts["EXCLUSIVE_LICENSE"]["violations"]]


async def test_e4_a_utility_model_needs_an_evaluation_report(case: Case) -> None:
    number = factories.application_number(digit=2)
    model = await case.university.made(
        "/v1/patents", factories.a_patent(application_number=number, patent_type="UTILITY_MODEL")
    )
    await case.checked(model["id"])
    declared = await case.university.made("/v1/open-license-declarations", a_declaration(model["id"]))
    refused = await case.file(declared)
    problem(refused, 409, "rule_refused")
    assert rules_of(refused) == ["OL-EVAL-REPORT"]
    document = await case.university.document()
    report = {"made_on": "2025-08-01", "conclusion": "MEETS", "document_ids": [document]}
    await case.university.made(f"/v1/patents/{model['id']}/evaluation-reports", report)
    filed = await case.file(declared)
    assert filed.status_code == 200, filed.text
    assert filed.json()["state"] == "FILED"


async def owned_together(case: Case) -> tuple[Api, str, dict[str, Any]]:
    """A patent of two owners, the second of them on the platform."""
    owner = await case.owned_together()
    return owner, case.patent, await case.declare()


async def test_e5_e6_all_owners_declare_and_withdraw_together(case: Case) -> None:
    owner, _, declared = await owned_together(case)
    assert declared["state"] == "DRAFT"
    refused = await case.file(declared)
    assert refused.status_code == 409 and rules_of(refused) == ["CO-CONSENT"]
    consent = {"role": "CO_OWNER", "given_on": case.day(-20)}
    stranger = await case.world.organization()
    problem(await stranger.post(f"{at(declared)}/consents", json=consent), 404, "not_found")
    given = await owner.made(f"{at(declared)}/consents", consent)
    assert (await owner.read(at(declared)))["state"] == "CONSENTED"
    # Taken back before the filing, it is a draft again.
    await owner.made(f"{at(declared)}/consents/{given['id']}/revocation", {"occurred_on": case.today})
    assert (await case.university.read(at(declared)))["state"] == "DRAFT"
    # What is taken back late leaves what was given since.
    first = await owner.made(f"{at(declared)}/consents", consent)
    anew = await owner.made(f"{at(declared)}/consents", {**consent, "given_on": case.day(-2)})
    await owner.made(f"{at(declared)}/consents/{first['id']}/revocation", {"occurred_on": case.day(-3)})
    assert (await case.university.read(at(declared)))["state"] == "CONSENTED"
    await owner.made(f"{at(declared)}/consents/{anew['id']}/revocation", {"occurred_on": case.today})
    # Given twice it is one word; what was taken back once is not taken back again.
    twice = [await owner.made(f"{at(declared)}/consents", consent) for _ in range(2)]
    back = {"occurred_on": case.today}
    await owner.made(f"{at(declared)}/consents/{twice[0]['id']}/revocation", back)
    for one in (given, twice[1]):
        no = await owner.post(f"{at(declared)}/consents/{one['id']}/revocation", json=back)
        assert rules_of(no) == ["OL-CONSENT-STATE"]
    assert rules_of(await case.file(declared)) == ["CO-CONSENT"]
    # Reported by somebody else it needs a document, and a party that has a say.
    of_owner = {**consent, "party": (await owner.read("/v1/organizations/me"))["name"]}
    no = await case.university.post(f"{at(declared)}/consents", json=of_owner)
    assert rules_of(no) == ["OL-CONSENT-EVIDENCE"]
    no = await case.university.post(f"{at(declared)}/consents", json={**consent, "party": "路人甲公司"})
    assert rules_of(no) == ["OL-CONSENT-PARTY"]
    document = await case.university.document()
    again = await case.university.made(f"{at(declared)}/consents", {**of_owner, "document_ids": [document]})
    assert (await case.file(declared)).status_code == 200
    late = await owner.post(f"{at(declared)}/consents/{again['id']}/revocation", json={"occurred_on": case.today})
    assert rules_of(late) == ["OL-STATE"]
    said = {"announcement_number": "KF1", "announced_on": case.day(-5)}
    await case.operator.made(f"{at(declared)}/announcement", said)
    withdrawal = {"filed_on": case.today, "reason": "调整许可策略", "signatory": {"name": "王校长"}}
    alone = await case.university.post(f"{at(declared)}/withdrawal", json=withdrawal)
    assert rules_of(alone) == ["OL-OWNERS-WITHDRAW"]
    await owner.made(f"{at(declared)}/consents", {**consent, "given_on": case.today, "to": "WITHDRAWAL"})
    filed = await case.university.made(f"{at(declared)}/withdrawal", withdrawal)
    assert filed["state"] == "WITHDRAWAL_FILED"


async def test_owners_who_consent_in_the_same_moment_are_all_heard(case: Case) -> None:
    codes = [factories.uscc("91370303") for _ in range(5)]
    owners = [await case.world.organization(type="ENTERPRISE", uscc=code, name=f"共有人公司{code}") for code in codes]
    holders = [{"name": "测试大学"}, *({"name": f"共有人公司{code}", "uscc": code} for code in codes)]
    patent = await case.university.made("/v1/patents", factories.a_patent(holders=holders))
    declared = await case.university.made("/v1/open-license-declarations", a_declaration(patent["id"]))
    consent = {"role": "CO_OWNER", "given_on": case.today}
    asked = [owner.post(f"{at(declared)}/consents", json=consent, key="twice") for owner in owners for _ in range(2)]
    answers = await asyncio.gather(*asked)
    assert [answer.status_code for answer in answers] == [201] * 10, [answer.text for answer in answers]
    listed = (await case.university.read(f"{at(declared)}/consents"))["items"]
    assert sorted(one["party_uscc"] for one in listed) == sorted(codes), "one key, one effect"
    assert (await case.university.read(at(declared)))["state"] == "CONSENTED"


async def test_e9_a_pledged_patent_needs_its_pledgee(case: Case) -> None:
    bank_code = factories.uscc("91370303")
    bank = await case.world.organization(type="FINANCIAL_INSTITUTION", uscc=bank_code, name=f"某银行{bank_code}")
    document = await case.university.document()
    pledge = {
        "kind": "PLEDGE", "since": "2025-07-01", "party": f"某银行{bank_code}", "party_uscc": bank_code,
        "document_ids": [document],
    }  # fmt: skip
    await case.university.made(f"/v1/patents/{case.patent}/encumbrances", pledge)
    declared = await case.declare()
    assert declared["state"] == "DRAFT"
    assert rules_of(await case.file(declared)) == ["OL-PLEDGE"]
    await bank.made(f"{at(declared)}/consents", {"role": "PLEDGEE", "given_on": case.today})
    assert (await case.university.read(at(declared)))["state"] == "CONSENTED"
    assert (await case.file(declared)).status_code == 200


async def test_a_pledgee_that_came_after_the_draft_reads_it_and_consents_itself(case: Case) -> None:
    declared = await case.declare()
    code = factories.uscc("91370303")
    bank = await case.world.organization(type="FINANCIAL_INSTITUTION", uscc=code, name=f"某银行{code}")
    consent = {"role": "PLEDGEE", "given_on": case.today}
    problem(await bank.get(at(declared)), 404, "not_found")
    problem(await bank.post(f"{at(declared)}/consents", json=consent), 404, "not_found")
    pledge = {
        "kind": "PLEDGE", "since": "2025-07-01", "party": f"某银行{code}", "party_uscc": code,
        "document_ids": [await case.university.document()],
    }  # fmt: skip
    assert declared["state"] == "CONSENTED", "nobody else has a say yet"
    await case.university.made(f"/v1/patents/{case.patent}/encumbrances", pledge)
    assert rules_of(await case.file(declared)) == ["OL-PLEDGE"]
    await case.followed()
    assert (await case.university.read(at(declared)))["state"] == "DRAFT"
    given = await bank.made(f"{at(declared)}/consents", consent)
    assert given["party"] == f"某银行{code}"
    assert (await bank.read(at(declared)))["state"] == "CONSENTED"
    assert len((await bank.read(f"{at(declared)}/consents"))["items"]) == 1
    stranger = await case.world.organization(type="FINANCIAL_INSTITUTION", uscc=factories.uscc("91370303"))
    problem(await stranger.get(at(declared)), 404, "not_found")
    assert (await case.file(declared)).status_code == 200


async def test_a_draft_follows_who_owns_its_patent(case: Case) -> None:
    """I-8: an owner that came onto the record has a say; what was filed stays filed."""
    declared, filed = await case.declare(), await (other := await case.another()).declare()
    assert (await other.file(filed)).status_code == 200
    code = factories.uscc("91370303")
    owner = await case.world.organization(type="ENTERPRISE", uscc=code, name=f"共有人公司{code}")
    problem(await owner.get(at(declared)), 404, "not_found")
    for patent in (case.patent, other.patent):
        path = f"/v1/patents/{patent}"
        seen = await case.university.get(path)
        holders = [*seen.json()["holders"], {"name": f"共有人公司{code}", "uscc": code}]
        changed = await case.university.patch(path, {"holders": holders}, seen.headers["etag"])
        assert changed.status_code == 200, changed.text
    await case.followed()
    assert (await owner.read(at(declared)))["state"] == "DRAFT"
    assert (await case.university.read(at(filed)))["state"] == "FILED"
    await owner.made(f"{at(declared)}/consents", {"role": "CO_OWNER", "given_on": case.today})
    assert (await case.university.read(at(declared)))["state"] == "CONSENTED"
    told = await case.world.house.licensing.changes(0, 1_000, 0, ["declaration.redrafted"])
    assert [(one.subject, one.data["state"]) for one in told.items if one.subject == declared["id"]] == [
        (declared["id"], "DRAFT")
    ]


async def test_declarations_of_the_sample_are_told_apart(case: Case) -> None:
    declared = await case.announced()
    anyone = case.world.anyone()
    for sample, found in (("false", True), ("true", False)):
        listed = await anyone.read(f"/v1/open-license-declarations?patent_id={case.patent}&sample={sample}")
        assert ([one["id"] for one in listed["items"]] == [declared["id"]]) is found


async def test_e13_e14_terms_are_frozen_and_withdrawal_leaves_notices_alone(case: Case) -> None:
    declared = await case.announced()
    request = await case.notice(declared)
    withdrawal = {"filed_on": case.today, "reason": "调整价格", "signatory": {"name": "王校长"}}
    await case.university.made(f"{at(declared)}/withdrawal", withdrawal)
    second = await case.notice(declared, await case.world.organization(type="ENTERPRISE"))  # not announced yet
    said = {"announcement_number": "KF2", "announced_on": case.today}
    withdrawn = await case.operator.made(f"{at(declared)}/withdrawal-announcement", said)
    assert withdrawn["state"] == "WITHDRAWN"
    dearer = await case.announced(fee={"fee_type": "LUMP_SUM", "amount": "60000.00"})
    body = {"declaration_id": declared["id"], "intended_use": "生产"}
    assert rules_of(await case.firm.post("/v1/open-license-requests", json=body)) == ["OL-NOT-OPEN"]
    await case.settled(request, "30000.00")
    held = await case.seen(request)
    assert held["state"] == "EFFECTIVE"
    assert held["terms_snapshot"]["fee"]["amount"] == "30000.00" and held["terms_hash"] == declared["terms_hash"]
    assert dearer["terms_hash"] != declared["terms_hash"]
    assert second["state"] == "NOTIFIED"


async def test_e15_payments_are_exact(case: Case) -> None:
    request = await case.notice(await case.announced())
    await case.settled(request, "29999.99", "A")
    short = await case.seen(request)
    assert (short["state"], short["settled"]["amount"]) == ("NOTIFIED", "29999.99")
    assert rules_of(await case.pay(request, "0.01", "A")) == ["PAY-TWICE"]
    assert rules_of(await case.pay(request, "0.00", "B")) == ["PAY-AMOUNT"]
    tomorrow = await case.pay(request, "0.01", "B", paid_on=case.day(1))
    assert rules_of(tomorrow) == ["PAY-DAY"]
    reported = (await case.pay(request, "1.01", "B")).json()
    assert (await case.seen(request))["state"] == "PAYMENT_REPORTED"
    # The payer does not confirm its own payment.
    problem(await case.firm.post(f"/v1/payments/{reported['id']}/confirmation", json={}), 404, "not_found")
    key = "confirm-once"
    first = await case.university.made(f"/v1/payments/{reported['id']}/confirmation", {}, key=key)
    assert await case.university.made(f"/v1/payments/{reported['id']}/confirmation", {}, key=key) == first
    twice = await case.university.post(f"/v1/payments/{reported['id']}/confirmation", json={})
    assert rules_of(twice) == ["PAY-STATE"]
    held = await case.seen(request)
    assert (held["state"], held["refundable"]["amount"]) == ("EFFECTIVE", "1.00")
    assert rules_of(await case.pay(request, "5.00", "C")) == ["PAY-OPEN"]
    assert (await case.firm.read("/v1/licenses?count=true"))["count"] == 1


async def test_a_contested_payment_waits_for_the_operator(case: Case) -> None:
    request = await case.notice(await case.announced())
    one = (await case.pay(request, "30000.00", "A")).json()
    contest = {"reason": "账上没有这笔款"}
    contested = await case.university.made(f"/v1/payments/{one['id']}/contest", contest)
    assert contested["state"] == "CONTESTED" and (await case.seen(request))["state"] == "PAYMENT_REPORTED"
    await case.later(60)  # the period ends, and waits for the open report
    assert (await case.seen(request))["state"] == "PAYMENT_REPORTED"
    upheld = {"outcome": "UPHELD", "reason": "银行查无此款"}
    problem(await case.university.post(f"/v1/payments/{one['id']}/resolution", json=upheld), 403, "insufficient_scope")
    assert (await case.operator.made(f"/v1/payments/{one['id']}/resolution", upheld))["state"] == "NOT_RECEIVED"
    assert (await case.seen(request))["state"] == "PAYMENT_LAPSED"
    late = await case.pay(request, "30000.00", "B", paid_on=case.today)
    assert rules_of(late) == ["PAY-DAY"]
    # Paid in time and reported late still counts, dated to the day of payment.
    paid_on = (case.world.today - timedelta(days=55)).isoformat()
    two = (await case.pay(request, "30000.00", "C", paid_on=paid_on)).json()
    await case.university.made(f"/v1/payments/{two['id']}/contest", contest)
    rejected = {"outcome": "REJECTED", "reason": "银行回单属实"}
    assert (await case.operator.made(f"/v1/payments/{two['id']}/resolution", rejected))["state"] == "SETTLED"
    held = await case.seen(request)
    assert (held["state"], held["effective_at"]) == ("EFFECTIVE", paid_on)


async def test_a_notice_is_cancelled_or_lapses_unpaid(case: Case) -> None:
    declared = await case.announced()
    request = await case.notice(declared)
    problem(await case.university.post(f"/v1/open-license-requests/{request['id']}/cancellation"), 404, "not_found")
    cancelled = await case.firm.made(f"/v1/open-license-requests/{request['id']}/cancellation")
    assert cancelled["state"] == "CANCELLED"
    assert rules_of(await case.pay(request, "30000.00")) == ["PAY-OPEN"]
    again = await case.firm.post(f"/v1/open-license-requests/{request['id']}/cancellation")
    assert rules_of(again) == ["OL-CANCEL"]
    other = await case.notice(declared)
    recordal = {"outcome": "FILED", "on": case.today}
    no = await case.firm.post(f"/v1/open-license-requests/{other['id']}/recordal", json=recordal)
    assert rules_of(no) == ["REC-STATE"]
    await case.later(60)
    assert (await case.seen(other))["state"] == "PAYMENT_LAPSED"


async def test_what_is_paid_after_the_patent_is_gone_gives_nothing_and_is_returned(case: Case) -> None:
    """OL-EFFECT, I-6: judged by the day of payment, also where the money is found later."""
    declared = await case.announced()
    early, late, never = [await case.notice(declared) for _ in range(3)]
    paid = (await case.pay(early, "30000.00")).json()
    bank, paid_on = await Bank.open(case), case.today
    await case.later(5)
    await case.lapsed(case.patent, 2)
    # Paid while it was in force: a license from that day on, which has ended with the patent since.
    await case.university.made(f"/v1/payments/{paid['id']}/confirmation")
    held = await case.seen(early)
    assert (held["state"], held["effective_at"]) == ("EXPIRED", paid_on)
    license_ = await case.firm.read(f"/v1/licenses/{held['license_id']}")
    assert (license_["state"], license_["patent_ended_on"]) == ("EXPIRED", case.day(-2))
    assert [one["act"] for one in license_["timeline"]] == [
        "notified", "payment_reported", "payment_settled", "effective", "patent_ended"
    ]  # fmt: skip
    # Paid afterwards: nothing to license; money that went all the same is to be returned.
    assert rules_of(await case.pay(late, "30000.00")) == ["PAY-DAY"]
    await bank.notify(a_transfer(case.world, "30000.00", request_id=late["id"]))
    seen = await case.seen(late)
    assert (seen["state"], seen["license_id"], seen["refundable"]["amount"]) == ("PAYMENT_LAPSED", None, "30000.00")
    refund = {"amount": {"amount": "30000.00"}, "paid_on": case.today, "reference": "R"}
    await case.university.made(f"/v1/payments/{seen['payments'][0]['id']}/refunds", refund)
    assert (await case.seen(never))["state"] == "PAYMENT_LAPSED"
    # The right is restored: what was paid in time is a license after all, and the one that had ended goes on.
    await bank.notify(a_transfer(case.world, "30000.00", "in time", request_id=never["id"]))
    assert (await case.seen(never))["license_id"] is None
    restored = {"code": "RESTORATION", "occurred_on": case.today, "source": "REGISTER"}
    await case.operator.made(f"/v1/patents/{case.patent}/legal-events", restored)
    await case.followed()
    assert [(await case.seen(one))["state"] for one in (early, never)] == ["EFFECTIVE", "EFFECTIVE"]


async def test_a_license_that_was_found_to_rest_on_a_dead_patent_gave_nothing(case: Case) -> None:
    """Rule 115: the lapse reaches back before the payment; whoever confirms sooner is not worse off."""
    request = await case.notice(await case.announced())
    await case.settled(request, "30000.00")
    held = await case.seen(request)
    assert held["state"] == "EFFECTIVE"
    await case.lapsed(case.patent, 2)
    seen = await case.seen(request)
    assert (seen["state"], seen["refundable"]["amount"]) == ("PAYMENT_LAPSED", "30000.00")
    license_ = await case.firm.read(f"/v1/licenses/{held['license_id']}")
    assert license_["state"] == "EXPIRED"
    acts = {one["act"]: one["allowed"] for one in license_["available_acts"]}
    assert acts["recordals"] is False
    assert "未取得有效许可" in await words(case.firm, f"/v1/licenses/{held['license_id']}/document")
    refund = {"amount": {"amount": "30000.00"}, "paid_on": case.today, "reference": "R"}
    early = {**refund, "paid_on": case.day(-1)}
    path = f"/v1/payments/{seen['payments'][0]['id']}/refunds"
    assert rules_of(await case.university.post(path, json=early)) == ["PAY-DAY"]
    assert (await case.university.post(path, json=refund)).status_code == 201


async def test_a_notice_is_payable_until_the_last_day_of_its_patent(case: Case) -> None:
    """I-6"""
    day = case.world.today + timedelta(days=10)
    await case.patented(day.replace(year=day.year - 20, day=min(day.day, 28)), together=False)
    old = await case.university.read(f"/v1/patents/{case.patent}")
    notice = await case.notice(await case.announced())
    assert notice["payment_due_on"] == old["expiry_date"] < case.day(30)
    await case.later((date.fromisoformat(old["expiry_date"]) - case.world.today).days + 1)
    assert (await case.seen(notice))["state"] == "PAYMENT_LAPSED"
    assert rules_of(await case.pay(notice, "30000.00")) == ["PAY-DAY"]


async def test_e16_e17_terms_that_no_office_announces(case: Case) -> None:
    praised = a_declaration(case.patent, calculation_note="国内首创、稳赚不赔")
    refused = await case.university.post("/v1/open-license-declarations", json=praised)
    problem(refused, 422, "invalid_input")
    assert rules_of(refused) == ["OL-AD-WORDING"]
    open_ended = a_declaration(case.patent, fee={"fee_type": "NEGOTIABLE"})
    assert rules_of(await case.university.post("/v1/open-license-declarations", json=open_ended)) == ["OL-FEE-FORM"]
    parts = [{"amount": "10000.00", "after_days": 0}, {"amount": "10000.00", "after_days": 90}]
    short = a_declaration(case.patent, fee={"fee_type": "INSTALLMENTS", "amount": "30000.00"}, installments=parts)
    assert rules_of(await case.university.post("/v1/open-license-declarations", json=short)) == ["FEE-INSTALLMENTS"]
    dear = await case.declare(
        fee={"fee_type": "ROYALTY", "rate": "0.25", "rate_base": "NET_SALES"}, license_term_months=6
    )
    warned = await case.file(dear)
    problem(warned, 409, "warning")
    assert rules_of(warned) == ["OL-FEE-CAP", "OL-TERM"]
    assert (await case.file(dear, acknowledged_rules=["OL-FEE-CAP", "OL-TERM"])).status_code == 200
    second = await case.declare()
    assert "OL-ONE" in rules_of(await case.file(second))


async def test_a_fee_in_installments_takes_effect_with_the_first(case: Case) -> None:
    parts = [{"amount": "10000.00", "after_days": 0}, {"amount": "20000.00", "after_days": 90}]
    fee = {"fee_type": "INSTALLMENTS", "amount": "30000.00"}
    request = await case.notice(await case.announced(fee=fee, installments=parts))
    assert request["due"]["amount"] == "10000.00"
    await case.settled(request, "10000.00")
    assert (await case.seen(request))["state"] == "EFFECTIVE"


async def test_e11_two_firms_at_once_both_hold_a_license(case: Case) -> None:
    declared = await case.announced()
    firms = [await case.world.organization(type="ENTERPRISE") for _ in range(4)]
    requests = await asyncio.gather(*(case.notice(declared, firm) for firm in firms))
    assert {request["state"] for request in requests} == {"NOTIFIED"}
    assert len({request["id"] for request in requests}) == 4


async def test_parallel_filings_and_confirmations_have_one_effect(case: Case) -> None:
    drafts = [await case.declare() for _ in range(4)]
    filed = await asyncio.gather(*(case.file(draft) for draft in drafts))
    assert sorted(answer.status_code for answer in filed) == [200, 409, 409, 409]
    assert {rules_of(answer)[-1] for answer in filed if answer.status_code == 409} == {"OL-ONE"}
    declared = next(answer.json() for answer in filed if answer.status_code == 200)
    said = {"announcement_number": "KF1", "announced_on": case.today}
    await case.operator.made(f"{at(declared)}/announcement", said)
    request = await case.notice(declared)
    halves = [(await case.pay(request, "15000.00", name)).json() for name in "AB"]
    paths = [f"/v1/payments/{half['id']}/confirmation" for half in halves for _ in range(4)]
    answers = await asyncio.gather(*(case.university.post(path, json={}) for path in paths))
    assert sorted(answer.status_code for answer in answers) == [200] * 2 + [409] * 6
    assert (await case.seen(request))["state"] == "EFFECTIVE"
    assert (await case.firm.read("/v1/licenses?count=true"))["count"] == 1


async def test_nobody_is_its_own_licensee_and_sample_stays_apart(case: Case) -> None:
    declared = await case.announced()
    body = {"declaration_id": declared["id"], "intended_use": "生产"}
    assert rules_of(await case.university.post("/v1/open-license-requests", json=body)) == ["SELF-DEALING"]
    demo = await case.world.demo("sme")
    assert rules_of(await demo.post("/v1/open-license-requests", json=body)) == ["SAMPLE-DEALS"]


async def test_no_license_is_taken_under_a_patent_that_has_lapsed(case: Case) -> None:
    declared = await case.announced()
    lapse = {"code": "LAPSE", "occurred_on": case.today, "source": "REGISTER"}
    await case.operator.made(f"/v1/patents/{case.patent}/legal-events", lapse)
    body = {"declaration_id": declared["id"], "intended_use": "生产"}
    other = await case.another()
    suspended = {"kind": "SUSPENSION", "since": case.today}
    free = await other.announced()
    await case.operator.made(f"/v1/patents/{other.patent}/encumbrances", suspended)
    again = {**body, "declaration_id": free["id"]}
    assert rules_of(await case.firm.post("/v1/open-license-requests", json=again)) == ["OL-PATENT-GONE"]
    # Whether or not the feed has told of the lapse by now, which would have ended the declaration: catalog is asked.
    (rule,) = rules_of(await case.firm.post("/v1/open-license-requests", json=body))
    assert rule in ("OL-PATENT-GONE", "OL-NOT-OPEN")


async def test_drafts_are_for_their_parties_and_days_follow_each_other(case: Case) -> None:
    declared = await case.declare()
    problem(await case.firm.get(at(declared)), 404, "not_found")
    problem(await case.world.anyone().get(at(declared)), 404, "not_found")
    listed = await case.firm.read(f"/v1/open-license-declarations?patent_id={case.patent}&count=true")
    assert listed["count"] == 0
    own = await case.university.read(f"/v1/open-license-declarations?patent_id={case.patent}&mine=true&count=true")
    assert own["count"] == 1 and own["items"][0]["state"] == "CONSENTED"
    assert rules_of(await case.file(declared, filed_on=case.day(2))) == ["OL-DAYS"]
    said = {"announcement_number": "KF1", "announced_on": case.today}
    assert rules_of(await case.operator.post(f"{at(declared)}/announcement", json=said)) == ["OL-STATE"]
    assert (await case.file(declared)).status_code == 200
    early = {**said, "announced_on": case.day(-30)}
    assert rules_of(await case.operator.post(f"{at(declared)}/announcement", json=early)) == ["OL-DAYS"]
    refusal = {"decided_on": case.today, "reason": "费用依据不明"}
    refused = await case.operator.made(f"{at(declared)}/non-announcement", refusal)
    assert refused["state"] == "NOT_ANNOUNCED"
    assert (await case.file(await case.declare())).status_code == 200  # its place is free again


async def test_one_delegate_gives_notice_to_itself_for_nobody_unless_both_agree(case: Case) -> None:
    """DUAL-AGENCY: who files a declaration for the patentee takes no license under it for a firm."""
    consent, for_firm, for_university = await case.broker()
    declared = await case.declare()
    signed = {"filed_on": case.day(-10), "signatory": {"name": "王校长"}}
    await for_university.made(f"{at(declared)}/filing", signed)
    said = {"announcement_number": "KF1", "announced_on": case.day(-5)}
    await case.operator.made(f"{at(declared)}/announcement", said)
    notice = {"declaration_id": declared["id"], "intended_use": "生产"}
    path = f"{at(declared)}/agency-consents"
    assert rules_of(await for_firm.post("/v1/open-license-requests", json=notice)) == ["DUAL-AGENCY"]
    problem(await for_firm.post(path, json=consent), 422, "principal_only")
    await case.university.made(path, consent)
    stranger = await case.world.organization(type="ENTERPRISE")
    await stranger.made(path, consent)  # says nothing of the firm
    assert rules_of(await for_firm.post("/v1/open-license-requests", json=notice)) == ["DUAL-AGENCY"]
    await case.firm.made(path, consent)
    assert (await for_firm.post("/v1/open-license-requests", json=notice)).status_code == 201
    # Another patentee's delegate is nobody's second principal; and the firm itself needs no consent.
    other = await case.another()
    free = await other.announced()
    request = await for_firm.made("/v1/open-license-requests", {**notice, "declaration_id": free["id"]})
    reported = (await other.pay(request, "30000.00")).json()
    confirmation = f"/v1/payments/{reported['id']}/confirmation"
    assert rules_of(await for_university.post(confirmation, json={})) == ["DUAL-AGENCY"]
    assert (await case.university.post(confirmation, json={})).status_code == 200


async def test_a_recordal_is_filed_by_either_side_and_proved(case: Case) -> None:
    request = await case.notice(await case.announced(fee={"fee_type": "FREE"}))
    path = f"/v1/open-license-requests/{request['id']}/recordal"
    assert request["recordal_state"] == "DUE"
    assert rules_of(await case.firm.post(path, json={"outcome": "RECORDED", "on": case.today})) == ["REC-STATE"]
    filed = await case.firm.made(path, {"outcome": "FILED", "on": case.today})
    assert filed["recordal_state"] == "FILED"
    bare = {"outcome": "RECORDED", "on": case.today, "number": "X2026"}
    assert rules_of(await case.firm.post(path, json=bare)) == ["REC-EVIDENCE"]
    assert rules_of(await case.operator.post(path, json={**bare, "on": case.day(1)})) == ["REC-DAY"]
    recorded = await case.operator.made(f"/v1/licenses/{request['license_id']}/recordals", bare)
    assert recorded["recordal_state"] == "RECORDED"
    life = [(entry["act"], entry["side"]) for entry in recorded["timeline"]]
    assert life == [
        ("notified", "LICENSEE"), ("effective", None), ("recordal_filed", "LICENSEE"), ("recordal_recorded", None)
    ]  # fmt: skip
    assert all(entry["basis"] for entry in recorded["timeline"])


async def test_a_declaration_ends_with_its_patent_whoever_is_awake(case: Case) -> None:
    declared = await case.announced(fee={"fee_type": "FREE"})
    await case.notice(declared)
    case.world.clock.offset = timedelta(days=366 * 18)
    assert (await case.world.anyone().read(at(declared)))["state"] == "ENDED"
    ended = await case.world.anyone().read(f"/v1/open-license-declarations?patent_id={case.patent}&state=ENDED")
    assert [one["id"] for one in ended["items"]] == [declared["id"]]


async def test_an_open_license_has_its_certificate_and_its_recordal_dossier(case: Case) -> None:
    request = await case.notice(await case.announced())
    await case.settled(request, "30000.00")
    held = await case.seen(request)
    root = f"/v1/licenses/{held['license_id']}"
    pdf = await case.firm.get(f"{root}/document")
    assert pdf.content.startswith(b"%PDF-") and pdf.headers["content-type"] == "application/pdf"
    dossier = await case.firm.read(f"{root}/recordal-dossier")
    assert dossier["is_ready"] and dossier["violations"] == [] and dossier["to_add"]
    assert dossier["licensee_name"] == (await case.firm.read("/v1/organizations/me"))["name"]
    assert dossier["patents"][0]["filing_date"] == "2023-02-15" and dossier["recordal_state"] == "DUE"
    for format_ in ("pdf", "docx"):
        made = await case.university.get(f"{root}/recordal-dossier", params={"format": format_})
        assert made.status_code == 200 and made.content[:2] in (b"%P", b"PK")
    # What the office would refuse it for is told: here a pledge that came afterwards.
    document = await case.university.document()
    pledge = {"kind": "PLEDGE", "since": case.day(-1), "party": "某银行", "document_ids": [document]}
    await case.university.made(f"/v1/patents/{case.patent}/encumbrances", pledge)
    late = await case.firm.read(f"{root}/recordal-dossier")
    assert not late["is_ready"] and "PLEDGE-CONSENT" in [no["rule"] for no in late["violations"]]
    problem(await (await case.world.organization()).get(f"{root}/recordal-dossier"), 404, "not_found")


async def test_the_papers_of_an_open_license_say_what_was_announced_and_that_it_has_ended(case: Case) -> None:
    parts = [{"amount": "10000.00", "after_days": 0}, {"amount": "20000.00", "after_days": 91}]
    fee = {"fee_type": "INSTALLMENTS", "amount": "30000.00"}
    request = await case.notice(await case.announced(fee=fee, installments=parts))
    at_request = f"/v1/open-license-requests/{request['id']}"
    code = (await case.university.read("/v1/organizations/me"))["uscc"]
    notice = await words(case.firm, f"{at_request}/document")
    assert all(said in notice for said in ("10000.00", "20000.00", "91", "KF2026-000001", code, "2023-02-15"))
    await case.settled(request, "10000.50")
    root = f"/v1/licenses/{(await case.seen(request))['license_id']}"
    shown = await words(case.firm, f"{root}/document")
    assert all(said in shown for said in ("20000.00", "KF2026-000001", code, "0.50元超出应付数额"))
    assert "不再有效" not in shown and "Licensor" not in shown
    assert "Licensor" in await words(case.firm, f"{root}/document", language="bilingual")
    assert "第十五条、第八十七条" in await words(case.firm, f"{root}/recordal-dossier")
    for who in (case.firm, case.university):
        await who.made(f"{root}/terminations", {"ground": "AGREEMENT", "reason": "协商解除"})
    for paper in ("document", "recordal-dossier"):
        over = await words(case.firm, f"{root}/{paper}")
        assert "起不再有效" in over and "合同解除" in over, over
    dossier = await case.firm.read(f"{root}/recordal-dossier")
    assert not dossier["is_ready"] and dossier["violations"][0]["rule"] == "REC-ENDED"
    filed = await case.firm.post(f"{root}/recordals", json={"outcome": "FILED", "on": case.today})
    assert rules_of(filed) == ["REC-ENDED"]


async def test_a_request_shows_that_its_license_was_ended(case: Case) -> None:
    request = await case.notice(await case.announced(fee={"fee_type": "FREE"}))
    assert request["state"] == "EFFECTIVE"
    for who in (case.firm, case.university):
        body = {"ground": "AGREEMENT", "reason": "双方协商解除"}
        await who.made(f"/v1/licenses/{request['license_id']}/terminations", body)
    assert (await case.seen(request))["state"] == "TERMINATED"


async def test_a_fee_is_estimated_for_reference_only(case: Case) -> None:
    fees = [{"amount": amount, "source": "已备案普通许可合同", "year": 2025} for amount in ("10000", "30000", "40000")]
    told = await case.university.made("/v1/fee-estimates", {"method": "ORDINARY_LICENSES", "comparables": fees})
    assert [told[name]["amount"] for name in ("low", "median", "high")] == ["10000.00", "30000.00", "40000.00"]
    assert "reference" in told["note"] or "参考" in told["note"]
    mixed = {"method": "INDUSTRY_STATISTICS", "comparables": fees}
    wrong = await case.university.post("/v1/fee-estimates", json=mixed)
    assert wrong.status_code == 422 and rules_of(wrong) == ["FEE-COMPARABLES"]


async def test_an_external_id_is_known_to_whoever_gave_it(case: Case) -> None:
    declared = await case.announced()
    body = {"declaration_id": declared["id"], "intended_use": "生产", "external_id": "内部单号-7"}
    request = await case.firm.made("/v1/open-license-requests", body)
    assert request["external_id"] == "内部单号-7"
    path, params = f"/v1/open-license-requests/{request['id']}", {"external_id": "内部单号-7"}
    assert (await case.university.read(path))["external_id"] is None
    assert (await case.university.read("/v1/open-license-requests", params=params))["items"] == []
    assert len((await case.firm.read("/v1/open-license-requests", params=params))["items"]) == 1


async def test_a_notice_is_a_paper_that_both_sides_can_print(case: Case) -> None:
    request = await case.notice(await case.announced())
    path = f"/v1/open-license-requests/{request['id']}/document"
    papers = [await who.get(path) for who in (case.firm, case.university)]
    assert papers[0].content.startswith(b"%PDF-") and papers[0].content == papers[1].content
    assert (await case.firm.get(path, params={"format": "docx", "language": "bilingual"})).content.startswith(b"PK")
    stranger = await case.world.organization()
    problem(await stranger.get(path), 404, "not_found")


async def test_e2_e3_a_wrong_number_is_told_with_what_it_should_be(case: Case) -> None:
    """PN-CHECK with the expected digit, PN-TYPE where number and type disagree; nothing is stored."""
    wrong = factories.a_patent(application_number="ZL202310123456.X")
    refused = await case.university.post("/v1/patents", json=wrong)
    problem(refused, 422, "invalid_input")
    assert rules_of(refused) == ["PN-CHECK"] and "6" in refused.json()["violations"][0]["message"]
    other = factories.a_patent(application_number="202220123456.7", patent_type="INVENTION")
    refused = await case.university.post("/v1/patents", json=other)
    problem(refused, 422, "invalid_input")
    assert rules_of(refused) == ["PN-TYPE"]
    assert len((await case.university.read("/v1/patents"))["items"]) == 1
