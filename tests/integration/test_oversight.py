"""Orders against parties: ordered, appealed against, lifted, and what the other rooms do meanwhile (scenario E.18)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from services.oversight import models
from shared.app import problem_response
from shared.errors import Unavailable
from tests import factories
from tests.contract.support import problem
from tests.deals import Talks, a_quick_offer, at, rules_of
from tests.world import Api, World

pytestmark = pytest.mark.anyio

ROOT = "/v1/party-restrictions"
SIGNED = {"signatory": {"name": "王校长"}}


@pytest.fixture
async def talks(world: World) -> AsyncIterator[Talks]:
    yield await (await Talks.open(world)).offered()
    if world.clock.offset:
        world.clock.offset = timedelta(0)
        world._signed_in.clear()


async def listing_is(talks: Talks, state: str, reason: str | None) -> dict[str, Any]:
    for _ in range(500):
        listing = await talks.university.read(f"/v1/listings/{talks.listing}")
        if (listing["state"], listing["state_reason"]) == (state, reason):
            return listing
        await asyncio.sleep(0.02)
    raise AssertionError((listing["state"], listing["state_reason"]))


# Orders and appeals


async def test_an_order_is_read_by_its_party_the_regulator_and_the_operator_and_by_nobody_else(talks: Talks) -> None:
    firm, operator, regulator = talks.firm, talks.operator, await talks.world.demo("regulator")
    document = await operator.document()
    basis = {
        "kind": "COURT_ORDER",
        "authority": "某市中级人民法院",
        "number": "（2026）执123号",
        "document_ids": [document],
    }
    body = factories.a_restriction(firm.organization_id, basis=basis, external_id=f"case-{firm.organization_id}")
    answer = await operator.post(ROOT, json=body)
    order = answer.json()
    assert answer.status_code == 201 and answer.headers["etag"] == '"1"'
    assert (order["state"], order["from"], order["until"]) == ("ACTIVE", talks.today, None)
    assert order["basis"] == basis and order["external_id"] == body["external_id"] and order["appeals"] == []
    assert (await operator.post(ROOT, json=body)).json()["code"] == "external_id_taken"
    path = f"{ROOT}/{order['id']}"
    for reader in (firm, regulator):
        seen = await reader.read(path)
        assert seen == {**order, "external_id": None}
        mine = await reader.read(
            f"{ROOT}?organization_id={firm.organization_id}&basis=COURT_ORDER&state=ACTIVE&count=true"
        )
        assert mine["count"] == 1 and mine["items"] == [seen]
        assert (await reader.read(f"{ROOT}?organization_id={firm.organization_id}&state=LIFTED"))["items"] == []
    found = await operator.read(f"{ROOT}?external_id={body['external_id']}")
    assert [one["id"] for one in found["items"]] == [order["id"]]
    stranger = talks.university
    for hidden in (path, f"{path}/appeals"):
        problem(await stranger.get(hidden), 404, "not_found")
    assert (await stranger.read(ROOT))["items"] == []
    problem(await stranger.post(f"{path}/appeals", json={"grounds": "与我无关"}), 404, "not_found")
    problem(await operator.post(f"{path}/appeals", json={"grounds": "自己申诉"}), 404, "not_found")
    # What goes onto the feed are ids and days.
    (said,) = [
        one
        for one in (await talks.world.house.oversight.changes(0, 1_000, 0, None)).items
        if one.subject == order["id"]
    ]
    assert said.type == "party.restricted" and said.audience == firm.organization_id
    assert said.data.keys() == {"id", "organization_id", "kind", "from", "until"}


async def test_an_order_says_what_it_rests_on_and_begins_today_at_the_earliest(talks: Talks) -> None:
    wanted = factories.a_restriction(talks.firm.organization_id)
    court = {"kind": "COURT_ORDER", "number": "1"}
    for changed, rule, pointer in (
        ({"basis": court}, "RESTRICT-BASIS", "/basis/authority"),
        ({"basis": {**court, "authority": "某法院"}}, "RESTRICT-BASIS", "/basis/document_ids"),
        ({"from": talks.day(-1)}, "RESTRICT-DAYS", "/from"),
        ({"from": talks.day(2), "until": talks.day(1)}, "RESTRICT-DAYS", "/until"),
    ):
        answer = await talks.operator.post(ROOT, json={**wanted, **changed})
        (no,) = problem(answer, 422)["violations"]
        assert (no["rule"], no["pointer"]) == (rule, pointer)
    basis = {**court, "authority": "某法院", "document_ids": ["doc_unknown"]}
    problem(await talks.operator.post(ROOT, json={**wanted, "basis": basis}), 422, "document_unknown")
    problem(await talks.operator.post(ROOT, json={**wanted, "organization_id": "org_nobody"}), 404, "not_found")
    assert (await talks.firm.read(ROOT))["items"] == []


async def test_a_party_appeals_and_an_upheld_appeal_lifts_the_order(talks: Talks) -> None:
    order = await talks.restricted(talks.firm)
    first = await talks.firm.made(
        f"{order}/appeals", {"grounds": "材料属实", "document_ids": [await talks.firm.document()]}
    )
    assert first["state"] == "PENDING" and first["decision"] is None
    assert rules_of(await talks.firm.post(f"{order}/appeals", json={"grounds": "再申诉"})) == ["RESTRICT-APPEAL"]
    decision = f"{order}/appeals/{first['id']}/decision"
    dismissed = await talks.operator.made(decision, {"outcome": "DISMISSED", "reason": "证据不足"})
    assert dismissed["state"] == "DISMISSED" and dismissed["decision"]["reason"] == "证据不足"
    again = await talks.operator.post(decision, json={"outcome": "UPHELD", "reason": "改判"})
    assert rules_of(again) == ["RESTRICT-DECIDED"]
    assert (await talks.firm.read(order))["state"] == "ACTIVE"
    second = await talks.firm.made(f"{order}/appeals", {"grounds": "补充证据"})
    await talks.operator.made(f"{order}/appeals/{second['id']}/decision", {"outcome": "UPHELD", "reason": "申诉成立"})
    seen = await talks.firm.read(order)
    assert (seen["state"], seen["lifting"]["reason"]) == ("LIFTED", "申诉成立")
    assert [one["state"] for one in seen["appeals"]] == ["DISMISSED", "UPHELD"]
    assert (await talks.firm.read(f"{order}/appeals"))["items"] == seen["appeals"]
    assert rules_of(await talks.operator.post(f"{order}/lifting", json={"reason": "x"})) == ["RESTRICT-STATE"]
    assert rules_of(await talks.firm.post(f"{order}/appeals", json={"grounds": "x"})) == ["RESTRICT-APPEAL"]
    problem(
        await talks.operator.post(f"{order}/appeals/apl_no/decision", json={"outcome": "UPHELD", "reason": "x"}), 404
    )


async def test_an_appeal_that_outlives_its_order_is_still_decided(talks: Talks) -> None:
    order = await talks.restricted(talks.firm)
    appeal = await talks.firm.made(f"{order}/appeals", {"grounds": "事实不清"})
    await talks.lifted(order)
    decided = await talks.operator.made(
        f"{order}/appeals/{appeal['id']}/decision", {"outcome": "UPHELD", "reason": "成立"}
    )
    assert decided["state"] == "UPHELD"
    assert (await talks.firm.read(order))["lifting"]["reason"] == "已整改", "what was lifted is not lifted again"


# E.18


async def test_e18_a_firm_restricted_between_notice_and_payment_keeps_its_notice_and_hears_why(talks: Talks) -> None:
    declared, regulator = await talks.announced(), await talks.world.demo("regulator")
    notice = await talks.notice(declared)
    assert notice["holds"] == []
    order = await talks.restricted(talks.firm, until=talks.day(30))
    # New notices are refused, with the reason and the way to appeal …
    body = {"declaration_id": declared["id"], "intended_use": "再次"}
    refused = await talks.firm.post("/v1/open-license-requests", json=body)
    (no,) = problem(refused, 409, "rule_refused")["violations"]
    assert no["rule"] == "PARTY-RESTRICTED" and f"{order}/appeals" in no["cure"] and no["legal_basis"]
    # … the delivered one is neither dropped nor undone: it says why it is held, to each what it may know.
    path = f"/v1/open-license-requests/{notice['id']}"
    (hold,) = (await talks.firm.read(path))["holds"]
    assert hold["kind"] == "PARTY_RESTRICTED" and order in hold["reason"] and hold["appeal"] == f"{order}/appeals"
    (hold,) = (await talks.university.read(path))["holds"]
    assert hold["appeal"] is None and order not in hold["reason"] and "依法" in hold["reason"]
    # The regulator sees the order and the request that it holds.
    assert (await regulator.read(order))["state"] == "ACTIVE"
    assert (await regulator.read(path))["holds"][0]["appeal"] == f"{order}/appeals"
    assert notice["id"] in [one["id"] for one in (await regulator.read("/v1/open-license-requests?held=true"))["items"]]
    await talks.firm.made(f"{order}/appeals", {"grounds": "材料属实"})
    # Paid in time it is a license, by law and without anybody's approval; what is owed under it is done.
    assert (await talks.settled(notice, "30000.00"))["state"] == "SETTLED"
    held = await talks.seen(notice)
    assert held["state"] == "EFFECTIVE" and held["effective_at"] == talks.today and held["holds"]
    recorded = await talks.firm.post(f"{path}/recordal", json={"outcome": "FILED", "on": talks.today})
    assert recorded.status_code == 200, recorded.text
    await talks.lifted(order)
    assert (await talks.firm.read(path))["holds"] == []
    problem(await regulator.get(path), 404, "not_found")
    assert (await talks.notice(declared))["state"] == "NOTIFIED"


# What a restricted party may not begin, and what it still may

Made = Callable[[Talks], Awaitable[tuple[Api, str, dict[str, Any]]]]


async def a_notice(talks: Talks) -> tuple[Api, str, dict[str, Any]]:
    body = {"declaration_id": (await talks.announced())["id"], "intended_use": "生产"}
    return talks.firm, "/v1/open-license-requests", body


async def a_filing(talks: Talks) -> tuple[Api, str, dict[str, Any]]:
    acknowledged = ["OL-TERM", "OL-FEE-CAP", "OL-TERM-EXPIRY"]
    body = {"filed_on": talks.today, **SIGNED, "acknowledged_rules": acknowledged}
    return talks.university, f"{at(await talks.declare())}/filing", body


async def an_offer(talks: Talks) -> tuple[Api, str, dict[str, Any]]:
    return talks.firm, f"/v1/inquiries/{(await talks.inquiry())['id']}/offers", talks.terms()


async def an_acceptance(talks: Talks) -> tuple[Api, str, dict[str, Any]]:
    offer = await talks.offer(await talks.inquiry(), talks.firm)
    return talks.university, f"/v1/offers/{offer['id']}/acceptance", {}


async def a_signature(talks: Talks) -> tuple[Api, str, dict[str, Any]]:
    agreed = await talks.agreed()
    said = {"document_sha256": agreed["document_sha256"], "method": "PLATFORM", **SIGNED}
    return talks.firm, f"/v1/licenses/{agreed['id']}/signatures", said


async def an_activation(talks: Talks) -> tuple[Api, str, dict[str, Any]]:
    offer = await talks.university.made("/v1/quick-license-offers", a_quick_offer(talks.patent))
    return talks.university, f"/v1/quick-license-offers/{offer['id']}/activation", SIGNED


async def a_resumption(talks: Talks) -> tuple[Api, str, dict[str, Any]]:
    offer = await talks.standing()
    await talks.university.made(f"/v1/quick-license-offers/{offer['id']}/pause")
    return talks.university, f"/v1/quick-license-offers/{offer['id']}/resumption", {}


async def a_trial(talks: Talks) -> tuple[Api, str, dict[str, Any]]:
    return (
        talks.firm,
        "/v1/quick-license-requests",
        {"offer_id": (await talks.standing())["id"], "intended_use": "试用"},
    )


async def a_conversion(talks: Talks) -> tuple[Api, str, dict[str, Any]]:
    trial = await talks.trial(await talks.standing())
    return talks.firm, f"/v1/quick-license-requests/{trial['id']}/conversion", {}


async def the_act(who: Api, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """How an act is shown to whoever may do it, before it does."""
    collections = {"declaration_id": "open-license-declarations", "offer_id": "quick-license-offers"}
    under = [f"/v1/{kind}/{body[name]}" for name, kind in collections.items() if name in body]
    resource = await who.read(under[0] if under else path.rpartition("/")[0])
    return next(one for one in resource["available_acts"] if one["href"] == path)


ALONE: list[Made] = [a_filing, an_activation, a_resumption]  # nobody stands on the other side yet
BEGUN: list[Made] = [a_notice, an_offer, an_acceptance, a_signature, a_trial, a_conversion]


@pytest.mark.parametrize("make", [*ALONE, *BEGUN], ids=lambda make: make.__name__)
async def test_while_an_order_stands_against_a_party_neither_it_nor_its_counterparty_begins_anything(
    talks: Talks, make: Made
) -> None:
    """PARTY-RESTRICTED"""
    who, path, body = await make(talks)
    sides = [who] if make in ALONE else [talks.firm, talks.university]
    for party in sides:
        order = await talks.restricted(party)
        refused = await who.post(path, json=body)
        assert (refused.status_code, rules_of(refused)) == (409, ["PARTY-RESTRICTED"]), refused.text
        (no,) = refused.json()["violations"]
        assert (order in no["cure"]) is (party is who), "why, is told to the party itself"
        shown = await the_act(who, path, body)
        assert (shown["allowed"], [one["rule"] for one in shown["violations"]]) == (False, ["PARTY-RESTRICTED"])
        await talks.lifted(order)
    assert (await the_act(who, path, body))["allowed"]
    done = await who.post(path, json=body)
    assert done.status_code in (200, 201), done.text


async def test_a_restricted_firm_does_not_ask_and_a_restricted_agent_does_not_act_for_it(talks: Talks) -> None:
    body = {"listing_id": talks.listing, "message": "请问"}
    order = await talks.restricted(talks.firm)
    assert rules_of(await talks.firm.post("/v1/inquiries", json=body)) == ["PARTY-RESTRICTED"]
    await talks.lifted(order)
    agent = await talks.world.organization(type="SERVICE_AGENCY", uscc=factories.uscc("91370303"))
    proposal = {"principal_id": talks.firm.organization_id, "scopes": ["deals:write", "deals:read"]}
    given = await agent.made("/v1/delegations", proposal)
    await talks.firm.made(f"/v1/delegations/{given['id']}/acceptance")
    await talks.restricted(agent)
    acting = agent.on_behalf_of(talks.firm.organization_id)
    assert rules_of(await acting.post("/v1/inquiries", json=body)) == ["PARTY-RESTRICTED"]
    declared = await talks.announced()
    notice = {"declaration_id": declared["id"], "intended_use": "生产"}
    assert rules_of(await acting.post("/v1/open-license-requests", json=notice)) == ["PARTY-RESTRICTED"]
    assert (await talks.firm.post("/v1/open-license-requests", json=notice)).status_code == 201


async def test_what_is_owed_or_ends_something_stays_possible_and_what_was_given_goes_on(talks: Talks) -> None:
    unpaid, other = await talks.notice(await talks.announced()), await (await talks.another()).offered()
    reported = await other.reported(license_type="ORDINARY")
    license_ = f"/v1/licenses/{reported['license_id']}"
    apart = await (await talks.another()).offered()
    offered = await apart.offer(await apart.inquiry(), apart.university)
    trial = await (third := await talks.another()).trial(await third.standing())
    for party in (talks.firm, talks.university):
        await talks.restricted(party)
    pay = {"amount": {"amount": "50.00"}, "paid_on": talks.today, "reference": "A"}
    end = {"ground": "AGREEMENT", "reason": "协商解除"}
    firm, university = talks.firm, talks.university
    acts: list[tuple[Api, str, dict[str, Any]]] = [
        (university, f"/v1/royalty-reports/{reported['id']}/verification", {}),
        (firm, f"{license_}/payments", pay),
        (firm, f"{license_}/recordals", {"outcome": "FILED", "on": talks.today}),
        (firm, f"/v1/offers/{offered['id']}/rejection", {}),
        (firm, f"/v1/open-license-requests/{unpaid['id']}/cancellation", {}),
        (firm, f"/v1/quick-license-requests/{trial['id']}/termination", {}),
        (firm, f"{license_}/terminations", end),
    ]
    for who, path, body in acts:
        answer = await who.post(path, json=body)
        assert answer.status_code in (200, 201), (path, answer.text)
    assert (await firm.read(license_))["state"] == "IN_FORCE"


async def test_an_act_that_was_done_before_the_order_is_told_again_by_its_key(talks: Talks) -> None:
    who, path, body = await a_notice(talks)
    first = await who.post(path, json=body, key="notice-1")
    await talks.restricted(talks.firm)
    again = await who.post(path, json=body, key="notice-1")
    assert (again.status_code, again.content) == (201, first.content)


# Races, outages, the feed


async def test_an_order_and_a_signature_in_either_order_leave_a_license_or_a_refusal_and_nothing_between(
    talks: Talks,
) -> None:
    agreed = await talks.agreed()
    assert (await talks.sign(agreed, talks.firm)).status_code == 200
    # The order first: not a moment passes until it counts, whatever the feed has told.
    wanted = factories.a_restriction(talks.firm.organization_id)
    order = await talks.operator.made(ROOT, wanted)
    assert rules_of(await talks.sign(agreed, talks.university)) == ["PARTY-RESTRICTED"]
    assert (await talks.firm.read(f"/v1/licenses/{agreed['id']}"))["state"] == "PENDING_SIGNATURES"
    await talks.lifted(f"{ROOT}/{order['id']}")
    # The signature first: what was signed stays in force.
    assert (await talks.sign(agreed, talks.university)).json()["state"] == "IN_FORCE"
    await talks.restricted(talks.firm)
    assert (await talks.firm.read(f"/v1/licenses/{agreed['id']}"))["state"] == "IN_FORCE"
    # Both at once.
    for _ in range(3):
        case = await (await talks.another()).offered()
        case.firm = await talks.world.organization(type="ENTERPRISE", uscc=factories.uscc("91370303"))
        agreed = await case.agreed(license_type="ORDINARY")
        assert (await case.sign(agreed, case.firm)).status_code == 200
        ordering = case.operator.post(ROOT, json=factories.a_restriction(case.firm.organization_id))
        signed, ordered = await asyncio.gather(case.sign(agreed, case.university), ordering)
        assert ordered.status_code == 201
        state = (await case.firm.read(f"/v1/licenses/{agreed['id']}"))["state"]
        if signed.status_code == 200:
            assert state == "IN_FORCE"
        else:
            assert (signed.status_code, rules_of(signed), state) == (409, ["PARTY-RESTRICTED"], "PENDING_SIGNATURES")


@contextmanager
def down(world: World, service: str) -> Iterator[None]:
    """A service that answers nobody."""
    alive = world.house.apps[service]

    world.house.apps[service] = problem_response(Unavailable("down", "停机"), "/")
    try:
        yield
    finally:
        world.house.apps[service] = alive


@pytest.mark.parametrize(
    "make", [a_notice, a_filing, an_acceptance, a_signature, a_trial, a_conversion], ids=lambda make: make.__name__
)
async def test_without_oversight_an_act_that_cannot_be_taken_back_is_a_503_and_has_no_effect(
    talks: Talks, make: Made
) -> None:
    who, path, body = await make(talks)
    before = (await talks.world.house.licensing.changes(0, 1, 0, None)).head
    with down(talks.world, "oversight"):
        refused = await who.post(path, json=body, key="act-1")
        problem(refused, 503)
        assert (await talks.world.house.licensing.changes(0, 1, 0, None)).head == before
        # What is owed does not wait for it.
        assert (await talks.firm.read("/v1/deadlines"))["items"] is not None
    await talks.world.until_ready()
    done = await who.post(path, json=body, key="act-1")
    assert done.status_code in (200, 201), done.text


async def test_a_follower_of_a_forked_feed_stops_red_and_new_acts_still_ask_afresh(new_world: Any) -> None:
    async with new_world() as world:
        talks = await Talks.open(world)
        declared = await talks.announced()
        await talks.lifted(await talks.restricted(talks.firm))
        async with world.house.oversight.db.write() as tx:
            await models.feed.renew_epoch(tx)
        body = factories.a_restriction(talks.firm.organization_id)
        await talks.operator.made(ROOT, body)
        for service in ("licensing", "catalog"):
            for _ in range(500):
                ready = await world.direct(service).get("/readyz")
                if "resynchronize" in ready.text:
                    break
                await asyncio.sleep(0.02)
            assert ready.status_code == 503 and "resynchronize" in ready.text, ready.text
        notice = {"declaration_id": declared["id"], "intended_use": "生产"}
        assert rules_of(await talks.firm.post("/v1/open-license-requests", json=notice)) == ["PARTY-RESTRICTED"]


# The calendar, and what is on offer


async def test_an_order_begins_and_ends_by_the_calendar_in_china(talks: Talks) -> None:
    declared = await (await talks.another()).announced()
    order = await talks.restricted(talks.university, **{"from": talks.day(2), "until": talks.day(4)})
    assert (await talks.firm.read("/v1/open-license-requests"))["items"] == []
    keep = talks.world.house.catalog.restrictions
    for days, state, may in ((1, "SCHEDULED", True), (2, "ACTIVE", False), (4, "ACTIVE", False), (5, "EXPIRED", True)):
        await talks.later(days)
        assert (await talks.university.read(order))["state"] == state
        keep._heard.set()  # what its timer does
        await listing_is(talks, *(("PUBLISHED", None) if may else ("SUSPENDED", "PARTY_RESTRICTED")))
        body = {"declaration_id": declared["id"], "intended_use": f"第{days}日"}
        answer = await talks.firm.post("/v1/open-license-requests", json=body)
        assert (answer.status_code == 201) is may, answer.text
    for given in (await talks.firm.read("/v1/open-license-requests"))["items"]:
        assert given["holds"] == []


async def test_the_listings_of_a_restricted_supplier_rest_and_come_back(talks: Talks) -> None:
    published = await listing_is(talks, "PUBLISHED", None)
    title = published["titles"][0]
    await talks.world.found(talks.listing, title)
    draft = await talks.university.made("/v1/listings", factories.a_listing(patent_ids=[talks.patent]))
    await talks.world.organization()
    order = await talks.restricted(talks.university)
    await listing_is(talks, "SUSPENDED", "PARTY_RESTRICTED")
    await talks.world.found(talks.listing, title, gone=True)
    for path in (f"/v1/listings/{draft['id']}/submission",):
        assert rules_of(await talks.university.post(path)) == ["PARTY-RESTRICTED"]
    made = await talks.university.made("/v1/patents", factories.a_patent())
    batch = {"patent_ids": [made["id"]], "template": {"modes": ["ORDINARY"], "pricing": {"fee_type": "FREE"}}}
    (item,) = (await talks.university.made("/v1/listing-batches", batch))["items"]
    assert item["state"] == "DRAFT" and [no["rule"] for no in item["violations"]] == ["PARTY-RESTRICTED"]
    row = json.dumps(factories.a_patent(), ensure_ascii=False).encode()
    job = await talks.university.post(
        "/v1/patent-imports", files={"file": ("a.ndjson", row, "application/x-ndjson")}, data={"publish": "true"}
    )
    done = await talks.world.import_done(talks.university, job.json()["id"])
    assert done["rows"]["created"] == 1 and done["listings"] == {
        "published": 0, "unchanged": 0, "refused": {"PARTY-RESTRICTED": 1}
    }  # fmt: skip
    second = await talks.restricted(talks.university)
    await talks.lifted(order)
    await listing_is(talks, "SUSPENDED", "PARTY_RESTRICTED")  # another order stands
    await talks.lifted(second)
    await listing_is(talks, "PUBLISHED", None)
    await talks.world.found(talks.listing, title)


async def test_a_listing_that_rests_for_two_reasons_comes_back_when_both_have_ended(talks: Talks) -> None:
    order = await talks.restricted(talks.university)
    await listing_is(talks, "SUSPENDED", "PARTY_RESTRICTED")
    events = f"/v1/patents/{talks.patent}/legal-events"

    async def look(state: str) -> None:
        detail = {"state": state, **({"fees_paid_until": talks.day(300)} if state == "IN_FORCE" else {})}
        said = {"code": "REGISTER_CHECKED", "occurred_on": talks.today, "source": "REGISTER", "detail": detail}
        await talks.operator.made(events, said)

    await look("LAPSED_UNPAID_FEE")
    await listing_is(talks, "SUSPENDED", "LEGAL_STATUS")
    await look("IN_FORCE")
    await listing_is(talks, "SUSPENDED", "PARTY_RESTRICTED")
    await look("LAPSED_UNPAID_FEE")
    await talks.lifted(order)
    await listing_is(talks, "SUSPENDED", "LEGAL_STATUS")
    await look("IN_FORCE")
    await listing_is(talks, "PUBLISHED", None)
