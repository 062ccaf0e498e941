"""From an inquiry to a signed license and its end, through the gateway (scenarios E.5, E.10, E.12, E.18-E.21)."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from tests import factories
from tests.contract.support import problem
from tests.deals import Talks, at, rules_of
from tests.world import Api, World

pytestmark = pytest.mark.anyio


@pytest.fixture
async def talks(world: World) -> AsyncIterator[Talks]:
    yield await (await Talks.open(world)).offered()
    if world.clock.offset:
        world.clock.offset = timedelta(0)
        world._signed_in.clear()


async def a_firm(talks: Talks) -> Api:
    return await talks.world.organization(type="ENTERPRISE", uscc=factories.uscc("91370303"))


async def test_e19_a_counter_offer_ends_the_offer_and_its_acceptance_is_a_contract_to_be_signed(talks: Talks) -> None:
    inquiry = await talks.inquiry()
    assert inquiry["state"] == "OPEN" and inquiry["licensor_id"] == talks.university.organization_id
    first = await talks.offer(inquiry, talks.university)
    assert first["state"] == "SENT" and first["irrevocable"] and first["side"] == "LICENSOR"
    cheaper = {"fee": {"fee_type": "LUMP_SUM", "amount": "35000.00"}}
    counter = await talks.offer(inquiry, talks.firm, in_reply_to=first["id"], **cheaper)
    assert (await talks.firm.read(f"/v1/offers/{first['id']}"))["state"] == "COUNTERED"
    late = await talks.firm.post(f"/v1/offers/{first['id']}/acceptance", json={})
    problem(late, 409, "rule_refused")
    assert rules_of(late) == ["OFFER-NOT-LIVE"]
    # Nobody accepts an offer of its own.
    assert rules_of(await talks.firm.post(f"/v1/offers/{counter['id']}/acceptance", json={})) == ["OFFER-SIDE"]
    accepted = await talks.university.made(f"/v1/offers/{counter['id']}/acceptance", {})
    assert accepted["state"] == "ACCEPTED"
    seen = await talks.firm.read(f"/v1/inquiries/{inquiry['id']}")
    assert seen["state"] == "AGREED" and seen["license_id"] == accepted["license_id"]
    license_ = await talks.firm.read(f"/v1/licenses/{accepted['license_id']}")
    assert license_["state"] == "PENDING_SIGNATURES" and license_["fee"]["amount"] == "35000.00"
    assert license_["source"] == {"type": "OFFER", "id": counter["id"]} and license_["effective_at"] is None
    document = await talks.firm.get(f"/v1/licenses/{license_['id']}/document")
    assert document.content.startswith(b"%PDF-") and document.headers["content-type"] == "application/pdf"
    assert hashlib.sha256(document.content).hexdigest() == license_["document_sha256"]
    wrong = await talks.sign({**license_, "document_sha256": "0" * 64}, talks.firm)
    assert rules_of(wrong) == ["SIGN-DOCUMENT"]
    on_paper = await talks.sign(license_, talks.firm, method="PAPER")
    assert rules_of(on_paper) == ["SIGN-EVIDENCE"]
    due = "SIGNATURES", license_["id"]
    for who, waits in ((talks.firm, False), (talks.university, True)):
        if not waits:
            half = (await talks.sign(license_, talks.firm)).json()
        listed = (await who.read("/v1/deadlines"))["items"]
        assert (due in [(one["kind"], one["subject"]) for one in listed]) is waits
    assert half["state"] == "PENDING_SIGNATURES" and [one["side"] for one in half["signatures"]] == ["LICENSEE"]
    assert rules_of(await talks.sign(license_, talks.firm)) == ["SIGN-STATE"]
    whole = (await talks.sign(license_, talks.university)).json()
    assert whole["state"] == "IN_FORCE" and whole["effective_at"] == talks.today
    assert whole["recordal_state"] == "DUE" and whole["recordal_due_on"] > talks.today
    assert [one["act"] for one in whole["timeline"]] == ["agreed", "signed", "signed", "concluded"]
    assert all(one["basis"] for one in whole["timeline"])
    stranger = await a_firm(talks)
    for path in (
        f"/v1/licenses/{license_['id']}/document",
        f"/v1/offers/{first['id']}",
        f"/v1/inquiries/{inquiry['id']}",
    ):
        problem(await stranger.get(path), 404, "not_found")


async def test_the_contract_is_the_same_in_every_form(talks: Talks) -> None:
    license_ = await talks.agreed(clauses=["被许可方每季度末提供实施情况说明。"])
    path = f"/v1/licenses/{license_['id']}/document"
    docx = [(await talks.university.get(path, params={"format": "docx"})).content for _ in range(2)]
    assert docx[0][:2] == b"PK" and docx[0] == docx[1]
    both = (await talks.firm.get(path, params={"language": "bilingual"})).content
    assert both.startswith(b"%PDF-") and both != (await talks.firm.get(path)).content
    problem(await talks.firm.get(path, params={"format": "odt"}), 422)


async def test_e20_an_offer_with_a_period_binds_and_a_late_acceptance_is_a_new_offer_on_request(talks: Talks) -> None:
    inquiry = await talks.inquiry()
    offer = await talks.offer(inquiry, talks.university, valid_until=talks.day(2))
    assert rules_of(await talks.university.post(f"/v1/offers/{offer['id']}/revocation", json={})) == ["OFFER-BINDS"]
    again = await talks.university.post(f"/v1/inquiries/{inquiry['id']}/offers", json=talks.terms())
    assert rules_of(again) == ["OFFER-STANDS"]
    closing = await talks.university.post(f"/v1/inquiries/{inquiry['id']}/closing", json={"reason": "改变主意"})
    assert rules_of(closing) == ["OFFER-BINDS"]
    await talks.later(3)
    assert (await talks.firm.read(f"/v1/offers/{offer['id']}"))["state"] == "EXPIRED"
    late = await talks.firm.post(f"/v1/offers/{offer['id']}/acceptance", json={})
    assert rules_of(late) == ["OFFER-NOT-LIVE"] and "as_new_offer" in late.json()["violations"][0]["cure"]
    new = await talks.firm.made(f"/v1/offers/{offer['id']}/acceptance", {"as_new_offer": True})
    assert new["state"] == "SENT" and new["side"] == "LICENSEE" and new["in_reply_to"] == offer["id"]
    assert new["terms"] == offer["terms"] and new["id"] != offer["id"] and not new["irrevocable"]
    revoked = await talks.firm.made(f"/v1/offers/{new['id']}/revocation", {})
    assert revoked["state"] == "REVOKED"
    gone = await talks.university.post(f"/v1/offers/{new['id']}/acceptance", json={})
    assert rules_of(gone) == ["OFFER-NOT-LIVE"]


async def test_what_is_wrong_with_an_offer_is_told_with_its_cure(talks: Talks) -> None:
    inquiry = await talks.inquiry()
    root = f"/v1/inquiries/{inquiry['id']}/offers"
    for change, rule in (
        ({"fee": {"fee_type": "NEGOTIABLE"}}, "OFFER-SPECIFIC"),
        (
            {
                "fee": {"fee_type": "INSTALLMENTS", "amount": "100.00"},
                "installments": [{"amount": "99", "after_days": 0}],
            },
            "OFFER-SPECIFIC",
        ),
        ({"valid_until": talks.day(-1)}, "OFFER-PERIOD"),
        ({"scope": {"from": talks.day(10), "to": talks.day(5)}}, "SCOPE-DAYS"),
    ):
        wrong = await talks.firm.post(root, json=talks.terms(**change))
        assert wrong.status_code == 422 and rules_of(wrong) == [rule]
    # E.21: no license beyond the patent (filed 2023-02-15, so it ends on 2043-02-15).
    beyond = await talks.firm.post(root, json=talks.terms(scope={"from": talks.today, "to": "2043-02-16"}))
    assert beyond.status_code == 409 and rules_of(beyond) == ["TERM-BEYOND-EXPIRY"]
    void = talks.terms(clauses=["被许可方不得对许可专利的有效性提出异议。", "改进成果无偿归许可方所有。"])
    warned = await talks.firm.post(root, json=void)
    problem(warned, 409, "warning")
    assert sorted(rules_of(warned)) == ["CLAUSE-IMPROVEMENT", "CLAUSE-NO-CHALLENGE"]
    knowing = await talks.firm.post(root, json={**void, "acknowledged_rules": rules_of(warned)})
    assert knowing.status_code == 201
    stale = await talks.university.post(root, json=talks.terms(in_reply_to="ofr_0nothing"))
    assert rules_of(stale) == ["OFFER-STANDS"]


async def test_e12_of_two_who_want_it_alone_one_gets_it(talks: Talks) -> None:
    """I-2: fifty firms have agreed on the same, and the university accepts all at once."""
    firms = [talks.firm, *(await asyncio.gather(*(a_firm(talks) for _ in range(11))))]

    async def offered(firm: Api) -> str:
        return str((await talks.offer(await talks.inquiry(firm), firm))["id"])

    offers = await asyncio.gather(*map(offered, firms))
    accept = [talks.university.post(f"/v1/offers/{offer}/acceptance", json={}) for offer in offers]
    answers = await asyncio.gather(*accept)
    assert sorted(one.status_code for one in answers) == [200, *[409] * 11]
    assert {rule for one in answers if one.status_code == 409 for rule in rules_of(one)} == {"SCOPE-CONFLICT"}
    # Whoever lost keeps a live offer; an ordinary license beside it is refused as well, in another region it is not.
    won = next(one.json() for one in answers if one.status_code == 200)
    other = await a_firm(talks)
    inquiry = await talks.inquiry(other)
    beside = await talks.offer(inquiry, other, license_type="ORDINARY")
    no = await talks.university.post(f"/v1/offers/{beside['id']}/acceptance", json={})
    assert rules_of(no) == ["SCOPE-CONFLICT"]
    # Given up, the scope is free.
    lost = await talks.university.read(f"/v1/offers/{won['id']}")
    await talks.university.made(f"/v1/inquiries/{lost['inquiry_id']}/closing", {"reason": "未签署"})
    gone = await talks.university.read(f"/v1/licenses/{won['license_id']}")
    assert gone["state"] == "NOT_CONCLUDED"
    free = await talks.university.post(f"/v1/offers/{beside['id']}/acceptance", json={})
    assert free.status_code == 200, free.text


async def test_two_exclusive_licenses_stand_side_by_side_in_different_places_and_fields(talks: Talks) -> None:
    days = {"from": talks.today, "to": talks.day(900)}
    await talks.concluded(scope={**days, "territory": ["37"], "field_of_use": ["C34"]})
    for scope, allowed in (
        ({"territory": ["3703"], "field_of_use": ["C3425"]}, False),  # a part of both
        ({"territory": ["3703"]}, False),
        ({"field_of_use": ["C"]}, False),
        ({"territory": ["3703"], "field_of_use": ["C35"]}, True),
        ({"territory": ["41"], "field_of_use": ["C34"]}, True),
    ):
        firm = await a_firm(talks)
        offer = await talks.offer(await talks.inquiry(firm), firm, scope={**days, **scope})
        answer = await talks.university.post(
            f"/v1/offers/{offer['id']}/acceptance", json={"acknowledged_rules": ["SCOPE-CONFLICT"]}
        )
        assert (answer.status_code == 200) is allowed, answer.text
    # And the same place and field once more, after the first has ended.
    firm = await a_firm(talks)
    after = {"from": talks.day(901), "to": talks.day(1500), "territory": ["37"], "field_of_use": ["C34"]}
    offer = await talks.offer(await talks.inquiry(firm), firm, scope=after)
    answer = await talks.university.post(f"/v1/offers/{offer['id']}/acceptance", json={})
    assert answer.status_code == 200, answer.text


async def test_e10_between_a_declaration_and_an_exclusive_license_the_first_wins(talks: Talks) -> None:
    """I-1, OL-LIVE, OL-EXCL and OL-PENDING."""
    firm = await a_firm(talks)
    offer = await talks.offer(await talks.inquiry(firm), firm)
    declared = await talks.announced()
    request = await talks.notice(declared)
    no = await talks.university.post(f"/v1/offers/{offer['id']}/acceptance", json={})
    assert no.status_code == 409 and "OL-LIVE" in rules_of(no)
    assert (await firm.read(f"/v1/offers/{offer['id']}"))["state"] == "SENT"
    withdrawal = {"filed_on": talks.today, "reason": "改为独占许可", "signatory": {"name": "王校长"}}
    await talks.university.made(f"{at(declared)}/withdrawal", withdrawal)
    said = {"announcement_number": "CH1", "announced_on": talks.today}
    await talks.operator.made(f"{at(declared)}/withdrawal-announcement", said)
    await heard(talks, "OPEN_LICENSE_WITHDRAWAL")
    # The notice was given before: it may still become a license.
    no = await talks.university.post(f"/v1/offers/{offer['id']}/acceptance", json={})
    assert rules_of(no) == ["OL-PENDING"]
    await talks.firm.made(f"/v1/open-license-requests/{request['id']}/cancellation")
    accepted = await talks.university.post(f"/v1/offers/{offer['id']}/acceptance", json={})
    assert accepted.status_code == 200, accepted.text
    # The other way round: agreed first, the patent is not declared.
    again = await talks.declare()
    refused = await talks.file(again)
    assert rules_of(refused) == ["OL-EXCL"]
    await talks.university.made(f"/v1/inquiries/{offer['inquiry_id']}/closing", {"reason": "改为开放许可"})
    assert (await talks.file(again)).status_code == 200


async def heard(talks: Talks, code: str) -> None:
    """Wait until catalog has entered an event on the patent's record."""
    for _ in range(200):
        log = await talks.university.read(f"/v1/patents/{talks.patent}/legal-events")
        if code in [event["code"] for event in log["items"]]:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{code} has not come onto the record")


async def test_an_exclusive_license_closes_the_listing_and_its_end_frees_the_patent(talks: Talks) -> None:
    license_ = await talks.concluded()
    await heard(talks, "LICENSE_RECORDED")
    listing = await talks.university.read(f"/v1/listings/{talks.listing}")
    assert listing["state"] == "CLOSED" and listing["state_reason"] == "EXCLUSIVELY_LICENSED"
    path = f"/v1/licenses/{license_['id']}/terminations"
    breach = await talks.university.post(path, json={"ground": "BREACH", "reason": "逾期未付款"})
    assert rules_of(breach) == ["LIC-BREACH"]
    half = await talks.university.made(path, {"ground": "AGREEMENT", "reason": "双方协商解除"})
    assert half["state"] == "IN_FORCE" and half["timeline"][-1]["act"] == "termination_proposed"
    twice = await talks.university.made(path, {"ground": "AGREEMENT", "reason": "双方协商解除（重申）"})
    assert twice["state"] == "IN_FORCE"
    ended = await talks.firm.made(path, {"ground": "AGREEMENT", "reason": "同意解除"})
    assert ended["state"] == "TERMINATED" and ended["terminated_on"] == talks.today
    assert rules_of(await talks.firm.post(path, json={"ground": "AGREEMENT", "reason": "x"})) == ["LIC-END"]
    await heard(talks, "LICENSE_ENDED")
    anew = await talks.university.made(
        "/v1/listings", factories.a_listing(patent_ids=[talks.patent], modes=["EXCLUSIVE"])
    )
    published = await talks.university.made(f"/v1/listings/{anew['id']}/submission", {})
    assert published["state"] == "PUBLISHED"
    talks.listing = anew["id"]
    assert (await talks.concluded(await a_firm(talks)))["state"] == "IN_FORCE"


async def test_a_contract_that_nobody_signs_lapses_and_keeps_nothing(talks: Talks) -> None:
    license_ = await talks.agreed()
    await talks.later(31)
    assert (await talks.firm.read(f"/v1/licenses/{license_['id']}"))["state"] == "NOT_CONCLUDED"
    await talks.checked(talks.patent)
    late = await talks.sign(license_, talks.firm)
    assert rules_of(late) == ["SIGN-STATE"]
    again = await talks.agreed()
    assert again["state"] == "PENDING_SIGNATURES"


async def test_a_state_university_makes_an_agreed_price_public_before_it_signs(world: World) -> None:
    operator = await world.demo("operator")
    university = await world.organization(state_owned=True)
    firm = await world.organization(type="ENTERPRISE", uscc=factories.uscc("91370303"))
    patent = await university.made("/v1/patents", factories.a_patent())
    talks = Talks(world, operator, university, firm, patent["id"])
    await talks.checked(patent["id"])
    await talks.offered()
    license_ = await talks.agreed()
    assert (await talks.sign(license_, firm)).status_code == 200
    early = await talks.sign(license_, university)
    assert rules_of(early) == ["PRICE-PUBLICITY"]
    run = {"license_id": license_["id"], "begun_on": talks.today, "ends_on": talks.day(14), "place": "校内公示栏"}
    short = await university.post("/v1/price-publicities", json=run)
    assert rules_of(short) == ["PUBLICITY-DAYS"]
    made = await university.made("/v1/price-publicities", {**run, "ends_on": talks.day(15)})
    assert made["state"] == "RUNNING" and made["fee"]["amount"] == "50000.00" and made["titles"]
    problem(await firm.get(f"/v1/price-publicities/{made['id']}"), 404, "not_found")
    problem(await firm.post("/v1/price-publicities", json=run), 404, "not_found")
    assert (await university.read("/v1/price-publicities"))["items"][0]["id"] == made["id"]
    assert rules_of(await talks.sign(license_, university)) == ["PRICE-PUBLICITY"]
    try:
        await talks.later(16)
        await talks.checked(patent["id"])
        signed = await talks.sign(license_, talks.university)
        assert signed.status_code == 200 and signed.json()["state"] == "IN_FORCE", signed.text
    finally:
        world.clock.offset = timedelta(0)
        world._signed_in.clear()


async def test_a_firm_may_ask_without_its_name_until_it_makes_or_takes_an_offer(talks: Talks) -> None:
    inquiry = await talks.inquiry(anonymized=True, message="我们是一家做薄壁件的厂")
    own = await talks.firm.read(f"/v1/inquiries/{inquiry['id']}")
    assert own["organization_id"] == talks.firm.organization_id and own["licensee_name"]
    seen = await talks.university.get(f"/v1/inquiries/{inquiry['id']}")
    assert seen.json()["organization_id"] is None and seen.json()["licensee_name"] is None
    assert talks.firm.organization_id not in seen.text
    said = await talks.university.made(f"/v1/inquiries/{inquiry['id']}/messages", {"text": "请问年用量多少？"})
    assert said["side"] == "LICENSOR"
    listed = await talks.firm.read(f"/v1/inquiries/{inquiry['id']}/messages")
    assert [one["text"] for one in listed["items"]] == ["我们是一家做薄壁件的厂", "请问年用量多少？"]
    no = await talks.university.post(f"/v1/inquiries/{inquiry['id']}/offers", json=talks.terms())
    assert rules_of(no) == ["INQ-DISCLOSURE"]
    problem(await talks.university.post(f"/v1/inquiries/{inquiry['id']}/disclosure", json={}), 404, "not_found")
    await talks.firm.made(f"/v1/inquiries/{inquiry['id']}/disclosure")
    assert (await talks.university.read(f"/v1/inquiries/{inquiry['id']}"))["licensee_name"] == own["licensee_name"]
    await talks.offer(inquiry, talks.university)
    # What is said and who says it stand on no feed.
    told = await talks.world.house.licensing.changes(0, 1000, 0, None)
    assert "年用量" not in told.model_dump_json() and own["licensee_name"] not in told.model_dump_json()


async def test_nobody_negotiates_with_itself_or_without_a_published_listing(talks: Talks) -> None:
    body = {"listing_id": talks.listing, "message": "x"}
    own = await talks.university.post("/v1/inquiries", json=body)
    assert rules_of(own) == ["SELF-DEALING"]
    problem(await talks.firm.post("/v1/inquiries", json={**body, "listing_id": "lst_0nothing"}), 404, "not_found")
    demo = await talks.world.demo("sme")
    assert rules_of(await demo.post("/v1/inquiries", json=body)) == ["SAMPLE-DEALS"]
    closed = await talks.inquiry()
    await talks.firm.made(f"/v1/inquiries/{closed['id']}/closing", {"reason": "已找到其他方案"})
    no = await talks.university.post(f"/v1/inquiries/{closed['id']}/offers", json=talks.terms())
    assert rules_of(no) == ["INQ-STATE"]
    again = await talks.firm.post(f"/v1/inquiries/{closed['id']}/closing", json={"reason": "再次"})
    assert rules_of(again) == ["INQ-STATE"]


async def test_e5_an_exclusive_license_of_a_common_patent_needs_all_owners(talks: Talks) -> None:
    holders = [{"name": "测试大学", "share": "60"}, {"name": "共有人公司", "share": "40"}]
    common = await talks.university.made("/v1/patents", factories.a_patent(holders=holders))
    await talks.checked(common["id"])
    talks.patent = common["id"]
    await talks.offered(modes=["ORDINARY"])
    alone = await talks.offer(await talks.inquiry(), talks.firm)
    no = await talks.university.post(f"/v1/offers/{alone['id']}/acceptance", json={})
    assert rules_of(no) == ["CO-CONSENT"]
    ordinary = await talks.offer(await talks.inquiry(), talks.firm, license_type="ORDINARY")
    yes = await talks.university.post(f"/v1/offers/{ordinary['id']}/acceptance", json={})
    assert yes.status_code == 200, yes.text


async def test_one_delegate_serves_one_side_unless_both_agree(talks: Talks) -> None:
    """DUAL-AGENCY: Civil Code Art. 168."""
    consent, for_firm, for_university = await talks.broker()
    inquiry = await talks.inquiry(for_firm)
    offer = await talks.offer(inquiry, for_firm)
    no = await for_university.post(f"/v1/offers/{offer['id']}/acceptance", json={})
    assert rules_of(no) == ["DUAL-AGENCY"]
    path = f"/v1/inquiries/{inquiry['id']}/agency-consents"
    problem(await for_firm.post(path, json=consent), 422, "principal_only")
    await talks.firm.made(path, consent)
    assert rules_of(await for_university.post(f"/v1/offers/{offer['id']}/acceptance", json={})) == ["DUAL-AGENCY"]
    await talks.university.made(path, consent)
    yes = await for_university.post(f"/v1/offers/{offer['id']}/acceptance", json={})
    assert yes.status_code == 200, yes.text


async def test_one_delegate_does_not_do_the_acts_of_both_sides_under_a_license(talks: Talks) -> None:
    """DUAL-AGENCY: not the signatures, not the payment and its confirmation, not an agreement to end."""
    consent, for_firm, for_university = await talks.broker()
    agreed = await talks.agreed()
    root = f"/v1/licenses/{agreed['id']}"
    assert (await talks.sign(agreed, for_firm)).status_code == 200
    assert rules_of(await talks.sign(agreed, for_university)) == ["DUAL-AGENCY"]
    assert (await talks.sign(agreed, talks.university)).json()["state"] == "IN_FORCE"
    money = {"amount": {"amount": "50000.00"}, "paid_on": talks.today, "reference": "1"}
    paid = await for_firm.made(f"{root}/payments", money)
    ends = {"ground": "AGREEMENT", "reason": "协商解除"}
    acts = [(f"/v1/payments/{paid['id']}/confirmation", {}), (f"{root}/terminations", ends)]
    for path, body in acts:
        assert rules_of(await for_university.post(path, json=body)) == ["DUAL-AGENCY"], path
    inquiry = (await talks.firm.read("/v1/inquiries"))["items"][0]
    for principal in (talks.firm, talks.university):
        await principal.made(f"/v1/inquiries/{inquiry['id']}/agency-consents", consent)
    for path, body in acts:
        assert (await for_university.post(path, json=body)).status_code == 200, path


async def test_a_delegate_that_reported_a_royalty_does_not_find_it_right_for_the_other_side(talks: Talks) -> None:
    """DUAL-AGENCY"""
    _, for_firm, for_university = await talks.broker()
    talks.firm, firm = for_firm, talks.firm
    report = await talks.reported(license_type="ORDINARY")
    path = f"/v1/royalty-reports/{report['id']}"
    assert rules_of(await for_university.post(f"{path}/verification")) == ["DUAL-AGENCY"]
    assert (await talks.university.post(f"{path}/verification")).status_code == 200
    assert (await firm.read(path))["state"] == "VERIFIED"


async def test_lists_find_negotiations_and_licenses_by_state_and_side(talks: Talks) -> None:
    await talks.concluded()
    firm = await a_firm(talks)
    found: dict[str, Any] = await talks.firm.read("/v1/inquiries", params={"state": "AGREED", "count": True})
    assert found["count"] == 1 and found["items"][0]["state"] == "AGREED"
    assert (await talks.firm.read("/v1/inquiries", params={"state": "OPEN"}))["items"] == []
    assert (await firm.read("/v1/inquiries"))["items"] == []
    params = {"state": "IN_FORCE", "license_type": "EXCLUSIVE", "side": "LICENSOR", "count": True}
    assert (await talks.university.read("/v1/licenses", params=params))["count"] == 1
    for state in ("PENDING_SIGNATURES", "NOT_CONCLUDED", "SIGNED", "EXPIRED", "TERMINATED"):
        assert (await talks.university.read("/v1/licenses", params={**params, "state": state}))["items"] == []


async def under(license_: dict[str, Any], by: Api) -> dict[str, Any]:
    return await by.read(f"/v1/licenses/{license_['id']}")


async def test_a_fee_in_installments_is_planned_paid_and_overdue(talks: Talks) -> None:
    parts = [{"amount": "20000.00", "after_days": 0}, {"amount": "30000.00", "after_days": 60}]
    license_ = await talks.concluded(fee={"fee_type": "INSTALLMENTS", "amount": "50000.00"}, installments=parts)
    first, second = license_["schedule"]
    assert first["amount"]["amount"] == "20000.00" and first["state"] == "DUE" and second["state"] == "PLANNED"
    path = f"/v1/licenses/{license_['id']}/payments"
    body = {"amount": {"amount": "25000.00"}, "paid_on": talks.today, "reference": "2026-1"}
    wrong = await talks.firm.post(path, json={**body, "item_id": "due_0nothing"})
    assert rules_of(wrong) == ["PAY-ITEM"]
    problem(await talks.university.post(path, json=body), 404, "not_found")
    paid = await talks.firm.made(path, body)
    assert paid["state"] == "REPORTED" and paid["license_id"] == license_["id"] and paid["request_id"] is None
    assert rules_of(await talks.firm.post(path, json=body)) == ["PAY-TWICE"]
    assert (await under(license_, talks.firm))["schedule"][0]["settled"]["amount"] == "0.00"
    await talks.university.made(f"/v1/payments/{paid['id']}/confirmation")
    seen = await under(license_, talks.firm)
    assert [item["settled"]["amount"] for item in seen["schedule"]] == ["20000.00", "5000.00"]
    assert seen["schedule"][0]["state"] == "PAID" and seen["credit"]["amount"] == "0.00"
    assert [one["id"] for one in seen["payments"]] == [paid["id"]]
    await talks.later(70)
    assert (await under(license_, talks.firm))["schedule"][1]["state"] == "OVERDUE"


async def test_royalties_are_reported_contested_and_reported_anew(talks: Talks) -> None:
    fee = {"fee_type": "ENTRY_PLUS_ROYALTY", "amount": "10000.00", "rate": "0.05", "rate_base": "NET_SALES"}
    royalty = {"report_every_months": 6, "steps": [{"above": "1000000", "rate": "0.03"}], "minimum": "1000.00"}
    license_ = await talks.concluded(fee=fee, royalty=royalty)
    assert license_["next_report"]["first_day"] == talks.today and not license_["next_report"]["is_over"]
    offered = {one["act"]: one["allowed"] for one in (await under(license_, talks.firm))["available_acts"]}
    assert offered["royalty-reports"] is False and offered["payments"] is True
    path = f"/v1/licenses/{license_['id']}/royalty-reports"
    base = {"base": {"amount": "1200000.00"}}
    assert rules_of(await talks.firm.post(path, json=base)) == ["ROY-PERIOD"]
    await talks.later(190)
    report = await talks.firm.made(path, base)
    assert report["royalty"]["amount"] == "56000.00" and report["state"] == "REPORTED"  # 50,000 and 6,000
    judged = f"/v1/royalty-reports/{report['id']}"
    problem(await talks.firm.post(f"{judged}/verification", json={}), 404, "not_found")
    contested = await talks.university.made(f"{judged}/contest", {"reason": "账目显示净销售额为130万元"})
    assert contested["state"] == "CONTESTED"
    assert rules_of(await talks.university.post(f"{judged}/verification", json={})) == ["ROY-STATE"]
    anew = await talks.firm.made(path, {"base": {"amount": "1300000.00"}})
    assert anew["first_day"] == report["first_day"] and anew["royalty"]["amount"] == "59000.00"
    assert (await talks.university.made(f"/v1/royalty-reports/{anew['id']}/verification"))["state"] == "VERIFIED"
    listed = await talks.university.read(path)
    assert [one["state"] for one in listed["items"]] == ["CONTESTED", "VERIFIED"]
    seen = await under(license_, talks.university)
    assert [(item["kind"], item["amount"]["amount"]) for item in seen["schedule"]] == [
        ("ENTRY", "10000.00"),
        ("ROYALTY", "59000.00"),
    ]
    assert [one["act"] for one in seen["timeline"]][-4:] == [
        "royalty_reported",
        "royalty_contested",
        "royalty_reported",
        "royalty_verified",
    ]


async def test_what_falls_due_after_an_early_end_is_no_longer_owed(talks: Talks) -> None:
    parts = [{"amount": "20000.00", "after_days": 0}, {"amount": "30000.00", "after_days": 60}]
    license_ = await talks.concluded(fee={"fee_type": "INSTALLMENTS", "amount": "50000.00"}, installments=parts)
    await talks.later(5)
    path = f"/v1/licenses/{license_['id']}/terminations"
    for who in (talks.firm, talks.university):
        ended = await who.made(path, {"ground": "AGREEMENT", "reason": "协商解除"})
    assert [item["state"] for item in ended["schedule"]] == ["OVERDUE", "CANCELLED"]


async def test_e8_a_license_ends_with_its_patent_back_to_the_day_the_fee_was_due(talks: Talks) -> None:
    """LS-GRACE before, rule 115 after; what falls due from then on is not owed, and a restored patent goes on."""
    parts = [{"amount": "20000.00", "after_days": 0}, {"amount": "30000.00", "after_days": 60}]
    license_ = await talks.concluded(fee={"fee_type": "INSTALLMENTS", "amount": "50000.00"}, installments=parts)
    other = await talks.another()
    declared = await other.announced()

    async def lapse(patent: str) -> None:
        event = {"code": "LAPSE", "occurred_on": talks.day(-1), "source": "REGISTER"}
        await talks.operator.made(f"/v1/patents/{patent}/legal-events", event)

    await lapse(talks.patent)
    await lapse(other.patent)

    async def until(path: str, state: str) -> dict[str, Any]:
        for _ in range(200):
            seen = await talks.university.read(path)
            if seen["state"] == state:
                return seen
            await asyncio.sleep(0.05)
        raise AssertionError(seen)

    ended = await until(f"/v1/licenses/{license_['id']}", "EXPIRED")
    assert ended["patent_ended_on"] == talks.day(-1) and ended["timeline"][-1]["act"] == "patent_ended"
    assert [item["state"] for item in ended["schedule"]] == ["CANCELLED", "CANCELLED"]
    assert (await until(at(declared), "ENDED"))["announced_on"]
    found = await talks.university.read("/v1/licenses", params={"state": "EXPIRED"})
    assert [one["id"] for one in found["items"]] == [license_["id"]]
    restored = {"code": "RESTORATION", "occurred_on": talks.today, "source": "REGISTER"}
    await talks.operator.made(f"/v1/patents/{talks.patent}/legal-events", restored)
    again = await until(f"/v1/licenses/{license_['id']}", "IN_FORCE")
    assert again["patent_ended_on"] is None and again["schedule"][0]["state"] == "DUE"


async def test_e7_whoever_negotiates_over_a_patent_that_lapses_hears_of_it_and_cannot_accept(talks: Talks) -> None:
    """The fee is unpaid and its grace period over: the listing goes, the offer that stands can no longer be accepted."""
    inquiry = await talks.inquiry()
    offer = await talks.offer(inquiry, talks.firm)
    event = {"code": "LAPSE", "occurred_on": talks.day(-1), "source": "REGISTER"}
    await talks.operator.made(f"/v1/patents/{talks.patent}/legal-events", event)
    assert (await talks.university.read(f"/v1/listings/{talks.listing}"))["state"] == "SUSPENDED"
    for _ in range(200):
        told = await talks.world.house.licensing.changes(0, 1000, 0, ["inquiry.patent_ended"])
        mine = [each for each in told.items if each.subject == inquiry["id"]]
        if mine:
            break
        await asyncio.sleep(0.05)
    assert {each.audience for each in mine} == {talks.firm.organization_id, talks.university.organization_id}
    assert mine[0].data == {"on": talks.day(-1), "patent_ids": [talks.patent]}
    refused = await talks.university.post(f"/v1/offers/{offer['id']}/acceptance", json={})
    problem(refused, 409, "rule_refused")
    assert "LS-NOT-IN-FORCE" in rules_of(refused)


async def test_a_recorded_license_that_ends_early_is_taken_off_the_record(talks: Talks) -> None:
    license_ = await talks.concluded()
    root = f"/v1/licenses/{license_['id']}"
    for step in ({"outcome": "FILED"}, {"outcome": "RECORDED", "number": "X2026-1"}, {"outcome": "CHANGED"}):
        done = await talks.operator.made(f"{root}/recordals", {"on": talks.today, **step})
    assert done["recordal_state"] == "RECORDED" and [one["outcome"] for one in done["recordals"]][-1] == "CHANGED"
    early = {"kind": "RECORDAL_CANCELLATION"}
    assert (await talks.firm.read("/v1/deadlines", params=early))["items"] == []
    for who in (talks.firm, talks.university):
        await who.made(f"{root}/terminations", {"ground": "AGREEMENT", "reason": "协商解除"})
    for who in (talks.firm, talks.university):
        assert [one["subject"] for one in (await who.read("/v1/deadlines", params=early))["items"]] == [license_["id"]]
    gone = await talks.operator.made(f"{root}/recordals", {"outcome": "CANCELLED", "on": talks.today})
    assert gone["recordal_state"] == "CANCELLED"
    assert (await talks.firm.read("/v1/deadlines", params=early))["items"] == []
    again = await talks.operator.post(f"{root}/recordals", json={"outcome": "CHANGED", "on": talks.today})
    assert rules_of(again) == ["REC-STATE"]


async def test_annual_fees_of_what_is_licensed_are_deadlines_and_in_grace_of_both_sides(talks: Talks) -> None:
    license_ = await talks.concluded()

    async def due(who: Api, kind: str, until: int) -> list[tuple[str, str]]:
        found = await who.read("/v1/deadlines", params={"kind": kind, "until": talks.day(until)})
        return [(one["subject"], one["due_on"]) for one in found["items"]]

    for _ in range(200):  # catalog has recorded the license, and says of the patent what it knows
        if fees := await due(talks.university, "ANNUAL_FEE", 400):
            break
        await asyncio.sleep(0.05)
    assert fees == [(talks.patent, talks.day(300))]  # as the register said
    assert await due(talks.firm, "ANNUAL_FEE", 400) == [] and await due(talks.firm, "GRACE_PERIOD", 400) == []
    paid = {"code": "ANNUAL_FEE_PAID", "occurred_on": talks.today, "source": "REGISTER"}
    await talks.operator.made(
        f"/v1/patents/{talks.patent}/legal-events", {**paid, "detail": {"fees_paid_until": talks.day(330)}}
    )
    for _ in range(200):
        if (fees := await due(talks.university, "ANNUAL_FEE", 400)) == [(talks.patent, talks.day(330))]:
            break
        await asyncio.sleep(0.05)
    assert fees == [(talks.patent, talks.day(330))]
    await talks.later(331)
    for who in (talks.university, talks.firm):
        assert [id_ for id_, _ in await due(who, "GRACE_PERIOD", 400)] == [license_["id"]]


async def test_an_ordinary_license_leaves_the_listing_to_the_next_firm(talks: Talks) -> None:
    """LS-MODES: sole and exclusive are gone, a further ordinary license is not."""
    await talks.concluded(license_type="ORDINARY")
    for _ in range(200):
        if (await talks.university.read(f"/v1/patents/{talks.patent}"))["exploitation_status"] == "LICENSED":
            break
        await asyncio.sleep(0.05)
    listing = await talks.university.read(f"/v1/listings/{talks.listing}")
    assert (listing["state"], listing["modes"]) == ("PUBLISHED", ["ORDINARY", "SOLE", "EXCLUSIVE"])
    assert (await talks.concluded(await a_firm(talks), license_type="ORDINARY"))["state"] == "IN_FORCE"
