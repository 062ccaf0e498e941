"""Quick licenses through the gateway: a trial today, a decision by its end (scenario E.22)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from services.licensing.rules.periods import months_after
from shared.clock import SHANGHAI
from tests import factories
from tests.contract.support import problem
from tests.deals import Talks, a_quick_offer, rules_of, words
from tests.world import World

pytestmark = pytest.mark.anyio


@pytest.fixture
async def talks(world: World) -> AsyncIterator[Talks]:
    yield await Talks.open(world)
    if world.clock.offset:
        world.clock.offset = timedelta(0)
        world._signed_in.clear()


async def test_a_firm_tries_today_and_decides_later(talks: Talks) -> None:
    draft = await talks.university.made("/v1/quick-license-offers", a_quick_offer(talks.patent))
    assert draft["state"] == "DRAFT"
    path = f"/v1/quick-license-offers/{draft['id']}"
    problem(await talks.firm.get(path), 404, "not_found")
    early = await talks.firm.post("/v1/quick-license-requests", json={"offer_id": draft["id"], "intended_use": "试用"})
    problem(early, 404, "not_found")
    opened = await talks.university.made(f"{path}/activation", {"signatory": {"name": "王校长"}})
    assert opened["state"] == "ACTIVE"
    assert (await talks.world.anyone().read(path))["terms"]["trial"]["duration"] == "P6M"
    begun = await talks.trial(opened)
    end = months_after(talks.world.today, 6) - timedelta(days=1)
    assert begun["state"] == "TRIAL" and begun["trial_ends_on"] == end.isoformat()
    license_ = await talks.firm.read(f"/v1/licenses/{begun['license_id']}")
    assert license_["state"] == "IN_FORCE" and license_["license_type"] == "ORDINARY"
    assert license_["source"] == {"type": "QUICK_LICENSE", "id": begun["id"]} and license_["schedule"] == []
    assert license_["scope"]["to"] == end.isoformat() and license_["recordal_state"] == "DUE"
    paper = await talks.firm.get(f"/v1/licenses/{begun['license_id']}/document", params={"language": "bilingual"})
    assert paper.content.startswith(b"%PDF-")
    converted = await talks.firm.made(f"/v1/quick-license-requests/{begun['id']}/conversion")
    assert converted["state"] == "CONVERTED" and converted["converted_on"] == talks.today
    license_ = await talks.firm.read(f"/v1/licenses/{begun['license_id']}")
    assert license_["scope"]["to"] == (months_after(talks.world.today, 36) - timedelta(days=1)).isoformat()
    assert [item["amount"]["amount"] for item in license_["schedule"]] == ["8000.00"]
    again = await talks.firm.post(f"/v1/quick-license-requests/{begun['id']}/conversion", json={})
    assert rules_of(again) == ["QL-STATE"]
    # Catalog: the trial's entry has ended, the license's runs to its last day.
    for _ in range(200):
        held = (await talks.university.read(f"/v1/patents/{talks.patent}/encumbrances"))["items"]
        if [one["until"] for one in held if one["state"] == "ACTIVE"] == [license_["scope"]["to"]]:
            break
        await asyncio.sleep(0.05)
    else:
        raise AssertionError(held)
    stranger = await talks.world.organization()
    problem(await stranger.get(f"/v1/quick-license-requests/{begun['id']}"), 404, "not_found")
    mine = await talks.firm.read("/v1/quick-license-requests", params={"side": "LICENSEE", "count": True})
    assert mine["count"] == 1 and mine["items"][0]["id"] == begun["id"]


async def test_e22_a_trial_ends_without_a_conversion_and_the_last_minute_counts(talks: Talks) -> None:
    begun = await talks.trial(await talks.standing())
    last = date.fromisoformat(begun["trial_ends_on"])
    at = datetime.combine(last, time(23, 59), SHANGHAI)

    async def stand_at(instant: datetime) -> None:
        await talks.later(instant - datetime.now(UTC))

    await stand_at(at + timedelta(minutes=2))
    over = await talks.firm.read(f"/v1/quick-license-requests/{begun['id']}")
    assert over["state"] == "ENDED_WITHOUT_CONVERSION"
    late = await talks.firm.post(f"/v1/quick-license-requests/{begun['id']}/conversion", json={})
    assert rules_of(late) == ["QL-STATE"]
    license_ = await talks.firm.read(f"/v1/licenses/{begun['license_id']}")
    assert license_["state"] == "EXPIRED" and license_["schedule"] == []
    await stand_at(at)
    assert (await talks.firm.made(f"/v1/quick-license-requests/{begun['id']}/conversion"))["state"] == "CONVERTED"


async def test_while_a_trial_runs_the_whole_term_is_kept_and_after_it_nothing(talks: Talks) -> None:
    begun = await talks.trial(await talks.standing())
    await talks.offered(modes=["ORDINARY"])
    other = await talks.world.organization(type="ENTERPRISE", uscc=factories.uscc("91370303"))
    after = {"from": talks.day(300), "to": talks.day(900)}  # after the trial, within the term
    offer = await talks.offer(await talks.inquiry(other), other, scope=after)
    no = await talks.university.post(f"/v1/offers/{offer['id']}/acceptance", json={})
    assert rules_of(no) == ["SCOPE-CONFLICT"]
    left = await talks.firm.made(f"/v1/quick-license-requests/{begun['id']}/termination", {"reason": "不适合产线"})
    assert left["state"] == "TERMINATED" and left["terminated_on"] == talks.today
    yes = await talks.university.post(f"/v1/offers/{offer['id']}/acceptance", json={})
    assert yes.status_code == 200, yes.text
    # And beside what is agreed alone no trial begins.
    refused = await talks.university.post("/v1/quick-license-offers", json=a_quick_offer(talks.patent))
    standing = refused.json()
    opened = await talks.university.post(
        f"/v1/quick-license-offers/{standing['id']}/activation", json={"signatory": {"name": "王校长"}}
    )
    assert opened.status_code == 200, opened.text
    body = {"offer_id": standing["id"], "intended_use": "试用"}
    assert rules_of(await talks.firm.post("/v1/quick-license-requests", json=body)) == ["SCOPE-CONFLICT"]


async def test_who_may_try_and_what_a_pause_does(talks: Talks) -> None:
    offer = await talks.standing(sme_only=True)
    body = {"offer_id": offer["id"], "intended_use": "试用"}
    assert rules_of(await talks.firm.post("/v1/quick-license-requests", json=body)) == ["QL-SME"]
    assert rules_of(await talks.university.post("/v1/quick-license-requests", json=body)) == ["SELF-DEALING"]
    demo = await talks.world.demo("sme")
    assert rules_of(await demo.post("/v1/quick-license-requests", json=body)) == ["SAMPLE-DEALS"]
    small = await talks.world.organization(
        type="ENTERPRISE", uscc=factories.uscc("91370303"), industry_code="C34", staff_count=60,
        annual_revenue={"amount": "9000000.00"},
    )  # fmt: skip
    begun = await talks.trial(offer, small)
    path = f"/v1/quick-license-offers/{offer['id']}"
    assert (await talks.university.made(f"{path}/pause"))["state"] == "PAUSED"
    problem(await small.post("/v1/quick-license-requests", json=body), 404, "not_found")
    assert (await talks.university.made(f"{path}/resumption"))["state"] == "ACTIVE"
    assert (await talks.university.made(f"{path}/ending"))["state"] == "ENDED"
    assert rules_of(await talks.university.post(f"{path}/resumption", json={})) == ["QL-OFFER-STATE"]
    assert (await small.read(f"/v1/quick-license-requests/{begun['id']}"))["state"] == "TRIAL"
    vague = a_quick_offer(talks.patent, fee={"fee_type": "NEGOTIABLE"})
    wrong = await talks.university.post("/v1/quick-license-offers", json=vague)
    assert wrong.status_code == 422 and rules_of(wrong) == ["OFFER-SPECIFIC"]
    stranger = await talks.world.organization()
    problem(await stranger.post("/v1/quick-license-offers", json=a_quick_offer(talks.patent)), 404, "not_found")


async def test_a_fee_deferred_to_the_first_sale_is_due_from_there(talks: Talks) -> None:
    begun = await talks.trial(await talks.standing(deferred_to="FIRST_SALE"))
    path = f"/v1/quick-license-requests/{begun['id']}"
    assert rules_of(await talks.firm.post(f"{path}/first-sale", json={"on": talks.today})) == ["QL-SALE"]
    await talks.firm.made(f"{path}/conversion")
    license_ = f"/v1/licenses/{begun['license_id']}"
    assert (await talks.firm.read(license_))["schedule"] == []
    sold = await talks.firm.made(f"{path}/first-sale", {"on": talks.today})
    assert sold["first_sale_on"] == talks.today
    (item,) = (await talks.firm.read(license_))["schedule"]
    assert item["kind"] == "LUMP_SUM" and item["due_on"] >= talks.day(30)
    assert rules_of(await talks.firm.post(f"{path}/first-sale", json={"on": talks.today})) == ["QL-SALE"]


async def test_one_delegate_begins_no_trial_under_an_offer_that_it_made(talks: Talks) -> None:
    """DUAL-AGENCY: Civil Code Art. 168."""
    consent, for_firm, for_university = await talks.broker()
    offer = await for_university.made("/v1/quick-license-offers", a_quick_offer(talks.patent))
    path = f"/v1/quick-license-offers/{offer['id']}"
    await for_university.made(f"{path}/activation", {"signatory": {"name": "王校长"}})
    body = {"offer_id": offer["id"], "intended_use": "试用"}
    assert rules_of(await for_firm.post("/v1/quick-license-requests", json=body)) == ["DUAL-AGENCY"]
    problem(await for_university.post(f"{path}/agency-consents", json=consent), 422, "principal_only")
    for principal in (talks.firm, talks.university):
        await principal.made(f"{path}/agency-consents", consent)
    taken = await for_firm.made("/v1/quick-license-requests", body)
    # Under another offer, which the patentee made itself, the same delegate may begin, and may not end it for both.
    other = await (await talks.another()).standing()
    free = await for_firm.made("/v1/quick-license-requests", {**body, "offer_id": other["id"]})
    agreed = {"ground": "AGREEMENT", "reason": "协商解除"}
    for one, expected in ((taken, 200), (free, 409)):
        ended = await for_university.post(f"/v1/licenses/{one['license_id']}/terminations", json=agreed)
        assert ended.status_code == expected, ended.text


async def test_terms_of_a_standing_offer_that_do_not_fit_are_refused(talks: Talks) -> None:
    """QL-TERMS, FEE-ONE-TIME, REGION-UNKNOWN, OFFER-SPECIFIC"""
    royalty = {"fee_type": "ROYALTY", "rate": "0.03", "rate_base": "NET_SALES"}
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("QL-TERMS", {"license_term_months": 3}),
        ("QL-TERMS", {"deferred_until": "2020-02-29"}),
        ("QL-TERMS", {"patent_ids": [talks.patent, talks.patent]}),
        ("FEE-ONE-TIME", {"deferred_until": talks.day(60), "deferred_to": "FIRST_SALE"}),
        ("FEE-ONE-TIME", {"fee": {"fee_type": "FREE"}, "deferred_to": "FIRST_SALE"}),
        ("FEE-ONE-TIME", {"fee": royalty, "deferred_to": "FIRST_SALE"}),
        ("OFFER-SPECIFIC", {"fee": {"fee_type": "LUMP_SUM", "amount": "0"}}),
        ("REGION-UNKNOWN", {"territory": ["9999"]}),
    ]
    for rule, terms in wrong:
        refused = await talks.university.post("/v1/quick-license-offers", json=a_quick_offer(talks.patent, **terms))
        assert refused.status_code in (409, 422) and rules_of(refused) == [rule], (terms, refused.text)
    inquiry = await (await talks.offered()).inquiry()
    for rule, scope in (
        ("REGION-UNKNOWN", {"territory": ["9999"]}),
        ("REGION-OLD", {"territory": ["3712"]}),
        ("SCOPE-BEGIN", {"from": talks.day(-1)}),
    ):
        days = {"from": talks.today, "to": talks.day(300)}
        offer = talks.terms(scope={**days, **scope})
        refused = await talks.firm.post(f"/v1/inquiries/{inquiry['id']}/offers", json=offer)
        assert refused.status_code in (409, 422) and rules_of(refused) == [rule], (scope, refused.text)
    old = {**talks.terms(scope={**days, "territory": ["3712"]}), "acknowledged_rules": ["REGION-OLD"]}
    assert (await talks.firm.post(f"/v1/inquiries/{inquiry['id']}/offers", json=old)).status_code == 201


async def test_the_certificate_of_a_quick_license_says_what_a_trial_allows_and_what_the_fee_waits_for(
    talks: Talks,
) -> None:
    trial = await talks.trial(await talks.standing(deferred_to="FIRST_SALE"))
    path = f"/v1/licenses/{trial['license_id']}"
    shown = await words(talks.firm, f"{path}/document")
    assert all(
        said in shown
        for said in (
            "仅限在企业内部测试",
            "自首次销售之日（不早于转正之日）起30日内支付",
            "8000.00",
            "随试用期届满终止",
        )
    )
    code = (await talks.university.read("/v1/organizations/me"))["uscc"]
    assert code in shown and "合同生效之日" not in shown
    assert "首次销售" in "".join((await talks.firm.read(f"{path}/registration"))["payment"])
    await talks.firm.made(f"/v1/quick-license-requests/{trial['id']}/conversion")
    assert "决定转为正式许可" in await words(talks.firm, f"{path}/document")
    await talks.firm.made(f"/v1/quick-license-requests/{trial['id']}/first-sale", {"on": talks.today})
    other = await talks.trial(await talks.standing())
    await talks.firm.made(f"/v1/quick-license-requests/{other['id']}/termination", {})
    assert "起不再有效" in await words(talks.firm, f"/v1/licenses/{other['license_id']}/document")


async def test_nobody_decides_for_a_license_under_a_patent_that_is_gone(talks: Talks) -> None:
    trial, other = await talks.trial(await talks.standing()), await talks.another()
    taken = await other.trial(await other.standing())
    await talks.lapsed(talks.patent)
    path = f"/v1/quick-license-requests/{trial['id']}"
    assert (await talks.firm.read(path))["state"] == "ENDED_WITHOUT_CONVERSION"
    assert rules_of(await talks.firm.post(f"{path}/conversion")) == ["QL-STATE"]
    # Whether or not the feed has told of it: catalog is asked.
    event = {"code": "LAPSE", "occurred_on": talks.today, "source": "REGISTER"}
    await talks.operator.made(f"/v1/patents/{other.patent}/legal-events", event)
    refused = await talks.firm.post(f"/v1/quick-license-requests/{taken['id']}/conversion")
    assert rules_of(refused) in (["QL-PATENT-GONE"], ["QL-STATE"])


async def test_no_trial_begins_under_a_patent_that_ends_before_it(talks: Talks) -> None:
    """TERM-BEYOND-EXPIRY, I-6: in the last months of its term, and after it."""
    last = talks.world.today + timedelta(days=20)
    await talks.patented(last.replace(year=last.year - 20, day=min(last.day, 28)), together=False)
    body = {"offer_id": (await talks.standing())["id"], "intended_use": "试用"}
    for days in (0, 40):
        await talks.later(days)
        refused = await talks.firm.post("/v1/quick-license-requests", json=body)
        assert refused.status_code == 409 and "TERM-BEYOND-EXPIRY" in rules_of(refused), refused.text


async def test_deadlines_are_listed_and_each_is_told_once(talks: Talks) -> None:
    """E.22: the notice 30 days before the end of a trial; DUE-REMINDER."""
    begun = await talks.trial(await talks.standing())
    house = talks.world.house.licensing

    async def told(subject: str) -> list[tuple[str, str]]:
        page = await house.changes(0, 1000, 0, ["deadline.approaching"])
        return [(str(one.data["kind"]), one.audience or "") for one in page.items if one.subject == subject]

    far = await talks.firm.read("/v1/deadlines", params={"until": begun["trial_ends_on"]})
    assert ("TRIAL_END", begun["trial_ends_on"]) in [(one["kind"], one["due_on"]) for one in far["items"]]
    assert far["items"] == sorted(far["items"], key=lambda one: one["due_on"])
    assert (await talks.university.read("/v1/deadlines", params={"kind": "TRIAL_END"}))["items"] == []
    await house.deadlines.remind()
    assert await told(begun["id"]) == []
    end = date.fromisoformat(begun["trial_ends_on"])
    await talks.later((end - talks.world.today).days - 30)
    assert await house.deadlines.remind() >= 1
    await house.deadlines.remind()
    assert await told(begun["id"]) == [("TRIAL_END", talks.firm.organization_id)]
    await talks.firm.made(f"/v1/quick-license-requests/{begun['id']}/conversion")
    near = await talks.firm.read("/v1/deadlines")
    assert [one["kind"] for one in near["items"] if one["subject"] == begun["license_id"]] == ["PAYMENT"]
    assert all(one["kind"] != "TRIAL_END" for one in near["items"])
