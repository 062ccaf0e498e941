"""Money: notices of providers, settlement by silence, what is returned, what is overdue and demanded (scenario E.15)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any

import pytest

from services.licensing.service import Licensing
from tests.contract.support import problem
from tests.deals import Bank, Case, Talks, a_declaration, a_transfer, rules_of
from tests.world import World

pytestmark = pytest.mark.anyio


@pytest.fixture
async def case(world: World) -> AsyncIterator[Case]:
    yield await Case.open(world)
    await _back(world)


@pytest.fixture
async def talks(world: World) -> AsyncIterator[Talks]:
    yield await (await Talks.open(world)).offered()
    await _back(world)


async def _back(world: World) -> None:
    if world.clock.offset:
        world.clock.offset = timedelta(0)
        world._signed_in.clear()


async def told(world: World, type_: str, subject: str) -> list[Any]:
    page = await world.house.licensing.changes(0, 1000, 0, [type_])
    return [one for one in page.items if one.subject == subject]


# Notices of providers


async def test_e15_the_same_notice_twice_is_one_payment_and_one_answer(case: Case) -> None:
    bank = await Bank.open(case)
    request = await case.notice(await case.announced())
    said = a_transfer(case.world, "30000.00", "E15", request_id=request["id"])
    answers = await asyncio.gather(*(bank.notify(said, id_="msg_e15") for _ in range(8)))
    assert [answer.status_code for answer in answers] == [201] * 8, answers[0].text
    assert len({answer.content for answer in answers}) == 1
    assert [answer.headers.get("idempotency-replayed") for answer in answers].count(None) == 1
    assert answers[0].json()["state"] == "SETTLED"
    # Sent anew under another id it is the same transfer; another body under the same id is somebody's mistake.
    again = await bank.notify(said, id_="msg_e15_resent")
    assert again.json() == answers[0].json()
    problem(await bank.notify({**said, "reference": "other"}, id_="msg_e15"), 409, "idempotency_key_reused")
    held = await case.seen(request)
    assert (held["state"], held["effective_at"]) == ("EFFECTIVE", case.today)
    (paid,) = held["payments"]
    assert (paid["settled_by"], paid["organization_id"]) == ("PROVIDER", case.firm.organization_id)
    assert (await case.firm.read("/v1/licenses?count=true"))["count"] == 1
    # Both sides were told once of the report that it is, and of its settlement.
    assert {one.audience for one in await told(case.world, "payment.settled", paid["id"])} == {
        case.firm.organization_id,
        case.university.organization_id,
    }


async def test_transfers_at_once_make_one_license(case: Case) -> None:
    bank = await Bank.open(case)
    request = await case.notice(await case.announced())
    halves = [a_transfer(case.world, "15000.00", name, request_id=request["id"]) for name in "AB"]
    answers = await asyncio.gather(*(bank.notify(half) for half in halves for _ in range(4)))
    assert {answer.status_code for answer in answers} == {201}
    held = await case.seen(request)
    assert held["state"] == "EFFECTIVE" and len(held["payments"]) == 2
    assert (await case.firm.read("/v1/licenses?count=true"))["count"] == 1


async def test_what_arrived_counts_and_not_what_was_reported_of_it(case: Case) -> None:
    bank = await Bank.open(case)
    request = await case.notice(await case.announced())
    first = (await case.pay(request, "30000.00", "A")).json()
    short = (await bank.notify(a_transfer(case.world, "29999.99", "A", request_id=request["id"]))).json()
    assert (short["payment_id"], short["amount"]["amount"]) == (first["id"], "29999.99")
    seen = await case.seen(request)
    assert (seen["state"], seen["settled"]["amount"]) == ("NOTIFIED", "29999.99")
    assert seen["payments"][0]["reported"]["amount"]["amount"] == "30000.00"
    differs = await bank.notify(a_transfer(case.world, "30000.00", "A", request_id=request["id"]))
    assert rules_of(differs) == ["PAY-DIFFERS"]
    # By the payment's own id the bank's number of the transfer takes the place of the payer's.
    second = (await case.pay(request, "0.01", "手机银行")).json()
    await case.university.made(f"/v1/payments/{second['id']}/contest", {"reason": "未到账"})
    taken = await bank.notify(a_transfer(case.world, "0.01", "A", payment_id=second["id"]))
    assert rules_of(taken) == ["PAY-TWICE"]
    matched = (await bank.notify(a_transfer(case.world, "0.01", "B", payment_id=second["id"]))).json()
    assert (matched["payment_id"], matched["reference"]) == (second["id"], "B")
    assert (await case.seen(request))["state"] == "EFFECTIVE"
    late = await case.university.post(f"/v1/payments/{second['id']}/contest", json={"reason": "未到账"})
    assert rules_of(late) == ["PAY-STATE"]
    # A payment that the payee had confirmed already is known by the bank's number from then on.
    apart = await case.another()
    third = (await case.pay(await case.notice(await apart.announced()), "1.00", "现金")).json()
    await case.university.made(f"/v1/payments/{third['id']}/confirmation")
    named = (await bank.notify(a_transfer(case.world, "1.00", "D", payment_id=third["id"]))).json()
    again = (await bank.notify(a_transfer(case.world, "1.00", "D", request_id=third["request_id"]))).json()
    assert named == again and named["payment_id"] == third["id"]
    # What the operator found not to have arrived has arrived when a bank finds it.
    elsewhere = await case.another()
    other = await elsewhere.notice(await elsewhere.announced())
    lost = (await case.pay(other, "30000.00", "C")).json()
    await case.university.made(f"/v1/payments/{lost['id']}/contest", {"reason": "未到账"})
    await case.operator.made(f"/v1/payments/{lost['id']}/resolution", {"outcome": "UPHELD", "reason": "查无此款"})
    found = (await bank.notify(a_transfer(case.world, "30000.00", "C", request_id=other["id"]))).json()
    assert (found["payment_id"], found["state"]) == (lost["id"], "SETTLED")


async def test_money_that_came_too_late_too_much_or_for_nothing_is_refundable(case: Case) -> None:
    bank = await Bank.open(case)
    declared = await case.announced()
    paid, cancelled, late = [await case.notice(declared) for _ in range(3)]
    await case.settled(paid, "30000.00")
    assert (await bank.notify(a_transfer(case.world, "5.00", "S", request_id=paid["id"]))).status_code == 201
    held = await case.seen(paid)
    assert (held["state"], held["refundable"]["amount"]) == ("EFFECTIVE", "5.00")
    await case.firm.made(f"/v1/open-license-requests/{cancelled['id']}/cancellation")
    assert (await bank.notify(a_transfer(case.world, "30000.00", "S", request_id=cancelled["id"]))).status_code == 201
    seen = await case.seen(cancelled)
    assert (seen["state"], seen["refundable"]["amount"], seen["license_id"]) == ("CANCELLED", "30000.00", None)
    await case.later(60)
    assert (await bank.notify(a_transfer(case.world, "30000.00", "S", request_id=late["id"]))).status_code == 201
    seen = await case.seen(late)
    assert (seen["state"], seen["refundable"]["amount"]) == ("PAYMENT_LAPSED", "30000.00")


async def test_a_notice_that_says_what_cannot_be_is_answered_so(case: Case) -> None:
    university = case.university.organization_id
    bank, stranger = await Bank.open(case, payee_ids=[university]), await Bank.open(case, payee_ids=["org_nobody"])
    request = await case.notice(await case.announced())
    right = a_transfer(case.world, "30000.00", request_id=request["id"])
    unknown = problem(await bank.notify({**right, "request_id": "olr_nobody0"}), 404, "not_found")
    unserved = problem(await stranger.notify(right), 404, "not_found")
    assert {**unknown, "instance": ""} == {**unserved, "instance": ""}
    for wrong, status, rule in (
        ({**right, "paid_on": case.day(1)}, 409, "PAY-DAY"),
        ({**right, "amount": {"amount": "0.00"}}, 409, "PAY-AMOUNT"),
        ({**right, "license_id": "lic_1"}, 422, "PAY-SUBJECT"),
        ({**right, "amount": {"amount": "30000.00", "currency": "USD"}}, 422, "INPUT-CHOICE"),
        ({**right, "amount": {"amount": "30000.001"}}, 422, "MONEY-FORM"),
    ):
        answer = await bank.notify(wrong)
        problem(answer, status)
        assert rules_of(answer) == [rule]
    assert (await case.seen(request))["payments"] == []
    # A notice that was refused is taken under the same id when it says what is so.
    assert (await bank.notify(right, id_="msg_mended")).status_code == 201


async def test_whoever_does_not_sign_as_a_provider_hears_one_thing(case: Case) -> None:
    bank = await Bank.open(case)
    request = await case.notice(await case.announced())
    right = a_transfer(case.world, "30000.00", request_id=request["id"])
    gone = await Bank.open(case)
    await case.operator.made(f"{gone.path}/retirement")
    answers = [
        await bank.notify(right, age_s=301),
        await bank.notify(right, age_s=-301),
        await bank.notify(right, signatures="v1,AAAA"),
        await bank.notify(right, headers={"Webhook-Id": "msg_of_another"}),
        await bank.notify({"wrong": "body"}, signatures="v1,AAAA"),
        await gone.notify(right),
        await case.world.http.post("/v1/payment-notices", json=right),
    ]
    bodies = [problem(answer, 401, "invalid_signature") for answer in answers]
    assert all(body == bodies[0] for body in bodies)
    assert (await case.seen(request))["payments"] == []
    # A token is no signature, and a signature needs no token; the very bytes are signed, whatever their spelling.
    problem(await case.operator.post("/v1/payment-notices", json=right), 401, "invalid_signature")
    spelled = f'{{ "request_id":"{request["id"]}","amount":{{"amount" : "30000"}},\n"paid_on":"{case.today}", "reference":"\\u7532"}}'
    assert (await bank.notify(spelled.encode())).json()["reference"] == "甲"


async def test_a_secret_rotates_with_an_overlap_and_is_shown_once(case: Case) -> None:
    bank = await Bank.open(case)
    requests = [await case.notice(await case.announced())]
    before = bank.secret
    rotated = await case.operator.made(f"{bank.path}/rotation", {"overlap_hours": 2})
    assert rotated["secret"] != before
    shown = (await case.operator.get(bank.path)).text + (await case.operator.get("/v1/payment-providers")).text
    assert before not in shown and rotated["secret"] not in shown and bank.registered["id"] in shown
    said = a_transfer(case.world, "10000.00", request_id=requests[0]["id"])
    assert (await bank.notify({**said, "reference": "old"})).status_code == 201
    bank.secret = rotated["secret"]
    assert (await bank.notify({**said, "reference": "new"})).status_code == 201
    await case.later(timedelta(hours=2, minutes=1))
    assert (await bank.notify({**said, "reference": "later"})).status_code == 201
    bank.secret = before
    problem(await bank.notify(said), 401, "invalid_signature")
    await case.operator.made(f"{bank.path}/retirement")
    again = await case.operator.post(f"{bank.path}/rotation", json={})
    problem(again, 409, "conflict")


async def test_nobody_finds_that_its_own_payment_has_arrived(case: Case) -> None:
    """PAY-OWN: the operator is no exception, where it is a party; days before the announcement are refused (PAY-DAY)."""
    university = await case.world.demo("university")
    shown = Case(case.world, case.operator, university, case.operator, "")  # demo organizations deal with each other
    await shown.patented(None, together=False)
    request = await shown.notice(await shown.announced())
    path = f"/v1/open-license-requests/{request['id']}/payments"
    money = {"amount": {"amount": "30000.00"}, "paid_on": case.today, "reference": "1"}
    early = await case.operator.post(path, json={**money, "paid_on": "2020-02-29"})
    assert rules_of(early) == ["PAY-DAY"]
    typed = await case.operator.post(path, json={**money, "amount": {"amount": "999999999.00"}})
    assert rules_of(typed) == ["PAY-AMOUNT"]
    paid = await case.operator.made(path, money)
    for act, body in (("confirmation", {}), ("contest", {"reason": "x"})):
        assert rules_of(await case.operator.post(f"/v1/payments/{paid['id']}/{act}", json=body)) == ["PAY-OWN"]
    assert (await university.post(f"/v1/payments/{paid['id']}/confirmation", json={})).status_code == 200


async def test_a_payer_takes_a_mistyped_report_back_and_reports_the_transfer_anew(case: Case) -> None:
    request = await case.notice(await case.announced())
    typed = (await case.pay(request, "3000.00", "ICBC-1")).json()
    path = f"/v1/payments/{typed['id']}/withdrawal"
    problem(await case.university.post(path, json={}), 404, "not_found")
    assert [one["act"] for one in typed["available_acts"]] == ["withdrawal"]
    assert (await case.firm.made(path))["state"] == "WITHDRAWN"
    assert (await case.seen(request))["state"] == "NOTIFIED"
    right = (await case.pay(request, "30000.00", "ICBC-1")).json()
    assert rules_of(await case.pay(request, "30000.00", "ICBC-1")) == ["PAY-TWICE"]
    await case.university.made(f"/v1/payments/{right['id']}/confirmation")
    assert (await case.seen(request))["state"] == "EFFECTIVE"
    bank = await Bank.open(case)
    said = a_transfer(case.world, "30000.00", "ICBC-1", payment_id=typed["id"])
    assert (await bank.notify(said)).status_code == 201, "the transfer is the one that was reported anew"
    assert len([one for one in (await case.seen(request))["payments"] if one["state"] == "SETTLED"]) == 1
    for paid in (typed, right):
        late = await case.firm.post(f"/v1/payments/{paid['id']}/withdrawal", json={})
        assert rules_of(late) == ["PAY-STATE"]


async def test_sums_may_be_larger_than_what_one_payment_may_be(case: Case) -> None:
    bank = await Bank.open(case)
    for number in range(2):
        request = await case.notice(await case.announced() if number == 0 else await (await case.another()).announced())
        await bank.notify(a_transfer(case.world, "999999999999.99", f"{number}", request_id=request["id"]))
    year = case.world.today.year
    report = await case.university.read(f"/v1/conversion-reports/{year}")
    assert report["totals"]["received"]["amount"] == "1999999999999.98"
    made = await case.university.get(f"/v1/conversion-reports/{year}", params={"format": "xlsx"})
    assert made.status_code == 200, made.text


async def test_providers_and_agreements_to_silence_are_paged_newest_first(case: Case) -> None:
    banks = [(await Bank.open(case)).registered["id"] for _ in range(3)]
    rules = []
    for _ in range(3):
        rules.append((await agreed(case))["id"])
        await case.university.made(f"/v1/settlement-rules/{rules[-1]}/revocation")
    for who, path, made in (
        (case.operator, "/v1/payment-providers", banks),
        (case.university, "/v1/settlement-rules", rules),
    ):
        first = await who.read(path, params={"limit": 2, "count": True})
        rest = await who.read(path, params={"limit": 100, "after": first["next"]})
        found = [one["id"] for one in first["items"] + rest["items"]]
        assert found[:3] == made[::-1] and len(found) == len(set(found)) == first["count"], path
    problem(
        await case.university.get("/v1/settlement-rules", params={"after": first["next"] + "x"}), 400, "cursor_invalid"
    )


# Silence


async def agreed(case: Case) -> dict[str, Any]:
    return await case.university.made("/v1/settlement-rules", {"signatory": {"name": "王校长"}})


async def evident(case: Case, request: dict[str, Any], reference: str, **more: Any) -> dict[str, Any]:
    document = await case.firm.document()
    answer = await case.pay(request, "30000.00", reference, document_ids=[document], **more)
    assert answer.status_code == 201, answer.text
    paid: dict[str, Any] = answer.json()
    return paid


async def paid(case: Case, one: dict[str, Any]) -> dict[str, Any]:
    return await case.firm.read(f"/v1/payments/{one['id']}")


async def test_silence_of_five_working_days_settles_what_was_reported_with_evidence(case: Case) -> None:
    declared = await case.announced()
    requests = [await case.notice(declared) for _ in range(6)]
    before = await evident(case, requests[0], "A")  # before the payee agreed
    rule = await agreed(case)
    again = await case.university.post("/v1/settlement-rules", json={"signatory": {"name": "王校长"}})
    assert rules_of(again) == ["PAY-RULE-STANDS"]
    bare = (await case.pay(requests[1], "30000.00", "A")).json()
    counted = await evident(case, requests[2], "A", paid_on=case.today)
    contested = await evident(case, requests[3], "A")
    confirmed = await evident(case, requests[4], "A")
    await case.university.made(f"/v1/payments/{contested['id']}/contest", {"reason": "未到账"})
    await case.university.made(f"/v1/payments/{confirmed['id']}/confirmation")
    revoked = await case.university.made(f"/v1/settlement-rules/{rule['id']}/revocation")
    assert revoked["revoked_at"] is not None
    twice = await case.university.post(f"/v1/settlement-rules/{rule['id']}/revocation", json={})
    assert rules_of(twice) == ["PAY-RULE-STANDS"]
    after = await evident(case, requests[5], "A")
    assert [one["answer_by"] for one in (before, bare, after)] == [None] * 3
    answer_by = date.fromisoformat(counted["answer_by"])
    deadlines = (await case.university.read("/v1/deadlines", params={"kind": "PAYMENT_ANSWER"}))["items"]
    assert counted["id"] in [one["subject"] for one in deadlines]
    paid_on = case.today
    await case.later((answer_by - case.world.today).days)
    assert (await paid(case, counted))["state"] == "REPORTED", "the last day is the payee's"
    await case.later(case.world.clock.offset + timedelta(days=1))
    # Whoever asks first finds it settled; the license is dated to the day of payment, and the payee comes too late.
    held = await case.seen(requests[2])
    assert (held["state"], held["effective_at"]) == ("EFFECTIVE", paid_on)
    assert (held["payments"][0]["state"], held["payments"][0]["settled_by"]) == ("SETTLED", "SILENCE")
    late = await case.university.post(f"/v1/payments/{counted['id']}/contest", json={"reason": "未到账"})
    assert rules_of(late) == ["PAY-STATE"] and "已到账" in late.json()["detail"]
    for one, state in ((before, "REPORTED"), (bare, "REPORTED"), (after, "REPORTED"), (contested, "CONTESTED")):
        assert (await paid(case, one))["state"] == state
    assert (await paid(case, confirmed))["settled_by"] == "PAYEE"
    assert len(await told(case.world, "payment.settled", counted["id"])) == 2
    assert await case.world.house.licensing.silence.catch_up() == 0


async def test_a_payee_that_contests_on_the_sixth_day_is_too_late_whoever_was_awake(case: Case) -> None:
    await agreed(case)
    one = await evident(case, await case.notice(await case.announced()), "A")
    days = (date.fromisoformat(one["answer_by"]) - case.world.today).days
    await case.later(days + 1)
    # Two requests at the first moment of the day, and a process that wakes up: it is settled once.
    contest = case.university.post(f"/v1/payments/{one['id']}/contest", json={"reason": "未到账"})
    answers = await asyncio.gather(contest, paid(case, one), case.world.house.licensing.silence.catch_up())
    assert rules_of(answers[0]) == ["PAY-STATE"]
    assert answers[1]["settled_by"] == "SILENCE"
    assert len(await told(case.world, "payment.settled", one["id"])) == 2


async def test_an_agreement_is_its_payees(case: Case) -> None:
    rule = await agreed(case)
    path = f"/v1/settlement-rules/{rule['id']}"
    problem(await case.firm.get(path), 404, "not_found")
    problem(await case.firm.post(f"{path}/revocation", json={}), 404, "not_found")
    assert [one["id"] for one in (await case.university.read("/v1/settlement-rules"))["items"]] == [rule["id"]]
    assert (await case.firm.read("/v1/settlement-rules"))["items"] == []
    asked = [case.firm.post("/v1/settlement-rules", json={"signatory": {"name": "李"}}) for _ in range(4)]
    assert sorted(answer.status_code for answer in await asyncio.gather(*asked)) == [201, 409, 409, 409]


# The calendar and figures


async def test_days_of_the_calendar_count_at_once_and_move_nothing_that_is_fixed(case: Case) -> None:
    await agreed(case)
    declared = await case.announced()
    first = await case.notice(declared)
    before = await evident(case, first, "A")
    anyone = case.world.anyone()
    year = int(before["answer_by"][:4])
    path = f"/v1/calendar?year={year}"
    last = date.fromisoformat(before["answer_by"])
    closed = [(last + timedelta(days=days)).isoformat() for days in range(-7, 8)]
    draft = {"days": [{"day": day, "kind": "HOLIDAY"} for day in closed], "source": "测试通知第1号"}
    problem(await case.university.post("/v1/calendar/days", json=draft), 403, "insufficient_scope")
    restored = {**draft, "days": [{"day": day, "kind": "ORDINARY"} for day in closed]}
    try:
        await case.operator.made("/v1/calendar/days", draft)
        days = {one["day"]: one for one in (await anyone.read(path))["days"]}
        assert days[before["answer_by"]]["kind"] == "HOLIDAY" and days[before["answer_by"]]["source"] == "测试通知第1号"
        after = await evident(case, await case.notice(declared), "A")
        assert date.fromisoformat(after["answer_by"]) > last + timedelta(days=7)
        assert (await paid(case, before))["answer_by"] == before["answer_by"]
        assert (await case.seen(first))["payment_due_on"] == first["payment_due_on"]
    finally:
        await case.operator.made("/v1/calendar/days", restored)
    assert (await evident(case, await case.notice(declared), "A"))["answer_by"] == before["answer_by"]
    shipped = await anyone.read("/v1/calendar?year=2026")
    assert shipped["is_announced"] and {"day": "2026-10-10", "kind": "WORKDAY"}.items() <= shipped["days"][-1].items()
    assert not (await anyone.read("/v1/calendar?year=2100"))["is_announced"]


async def test_ceilings_and_the_least_term_are_data_with_a_day_and_a_source(case: Case) -> None:
    anyone, name = case.world.anyone(), "OPEN_LICENSE_MONTHS_LEAST"
    drafted = await case.declare(license_term_months=10)
    assert rules_of(await case.file(drafted)) == ["OL-TERM"]
    figure = {"name": name, "value": "6", "valid_from": case.today, "source": "测试口径"}
    problem(await case.university.post("/v1/policies", json=figure), 403, "insufficient_scope")
    wrong = await case.operator.post("/v1/policies", json={**figure, "value": "half a year"})
    assert wrong.status_code == 422 and rules_of(wrong) == ["POLICY-FORM"]
    try:
        coming = await case.operator.made("/v1/policies", {**figure, "valid_from": case.day(1), "value": "24"})
        assert coming["state"] == "COMING"
        assert (await case.operator.made("/v1/policies", figure))["state"] == "CURRENT"
        listed = (await anyone.read("/v1/policies", params={"name": name}))["items"]
        assert [(one["value"], one["state"]) for one in listed[-2:]] == [("6", "CURRENT"), ("24", "COMING")]
        assert (await case.file(drafted)).status_code == 200
    finally:
        for day in (case.today, case.day(1)):
            await case.operator.made("/v1/policies", {**figure, "value": "12", "valid_from": day})


# What is returned


async def test_the_operator_adds_a_word_of_advertising_and_drafts_that_hold_it_are_not_filed_any_more(
    case: Case,
) -> None:
    name, told = "OPEN_LICENSE_AD_WORDS", "闻所未闻的工艺，参照行业中位数"
    draft = await case.declare(calculation_note=told)
    (shipped,) = (await case.operator.read("/v1/policies", params={"name": name}))["items"]
    figure = {"name": name, "valid_from": case.today, "source": "平台公告"}
    await case.operator.made("/v1/policies", {**figure, "value": f"{shipped['value']},闻所未闻"})
    try:
        assert rules_of(await case.file(draft)) == ["OL-AD-WORDING"]
        another = a_declaration(case.patent, calculation_note=told)
        assert rules_of(await case.university.post("/v1/open-license-declarations", json=another)) == ["OL-AD-WORDING"]
    finally:
        await case.operator.made("/v1/policies", {**figure, "value": shipped["value"]})
    assert (await case.file(draft)).status_code == 200


async def test_what_nobody_owes_is_returned_and_never_more(case: Case) -> None:
    bank = await Bank.open(case)
    request = await case.notice(await case.announced())
    first = await case.settled(request, "30000.00", "A")
    await case.later(1)
    surplus = (await bank.notify(a_transfer(case.world, "100.00", "B", request_id=request["id"]))).json()["payment_id"]
    path = f"/v1/payments/{surplus}/refunds"
    back = a_transfer(case.world, "60.00", "R1")
    problem(await case.firm.post(path, json=back), 404, "not_found")
    assert rules_of(await case.university.post(path, json={**back, "amount": {"amount": "100.01"}})) == ["PAY-REFUND"]
    assert rules_of(await case.university.post(path, json={**back, "amount": {"amount": "0.00"}})) == ["PAY-AMOUNT"]
    assert rules_of(await case.university.post(path, json={**back, "paid_on": case.day(1)})) == ["PAY-DAY"]
    # The license rests on the first payment: what was too much came with the other.
    rests = await case.university.post(f"/v1/payments/{first['id']}/refunds", json=back)
    assert rules_of(rests) == ["PAY-REFUND"]
    done = await case.university.made(path, back)
    assert (done["refunded"]["amount"], done["refunds"][0]["reference"]) == ("60.00", "R1")
    assert rules_of(await case.university.post(path, json=back)) == ["PAY-TWICE"]
    held = await case.seen(request)
    assert (held["state"], held["refundable"]["amount"], held["refunded"]["amount"]) == ("EFFECTIVE", "40.00", "60.00")
    rest = [case.university.post(path, json=a_transfer(case.world, "40.00", name)) for name in ("R2", "R3", "R4")]
    assert sorted(answer.status_code for answer in await asyncio.gather(*rest)) == [201, 409, 409]
    assert (await case.seen(request))["refundable"]["amount"] == "0.00"
    assert len(await told(case.world, "payment.refunded", surplus)) == 4
    # The payee's books: what came in by confirmation and by notice, and what went back.
    deal = {"deal_id": request["id"]}
    entries = (await case.university.read("/v1/ledger-entries", params=deal))["items"]
    assert [one["kind"] for one in entries] == ["REFUNDED", "REFUNDED", "SETTLED", "SETTLED"]
    books = await case.university.read("/v1/ledger-balances", params=deal)
    assert books["total"] == "0.00" and books["balances"]["HELD"] == "-30000.00"
    elsewhere = await case.another()
    other = await elsewhere.notice(await elsewhere.announced())
    reported = (await case.pay(other, "30000.00")).json()
    unsettled = await case.university.post(f"/v1/payments/{reported['id']}/refunds", json=back)
    assert rules_of(unsettled)[0] == "PAY-STATE"


async def test_the_credit_of_a_license_is_returned(talks: Talks) -> None:
    held = await talks.concluded()
    bank = await Bank.open(talks)
    taken = await bank.notify(a_transfer(talks.world, "50010.00", "A", license_id=held["id"]))
    path = f"/v1/payments/{taken.json()['payment_id']}/refunds"
    seen = await talks.firm.read(f"/v1/licenses/{held['id']}")
    assert (seen["schedule"][0]["state"], seen["credit"]["amount"]) == ("PAID", "10.00")
    assert rules_of(await talks.university.post(path, json=a_transfer(talks.world, "10.01", "R"))) == ["PAY-REFUND"]
    await talks.university.made(path, a_transfer(talks.world, "10.00", "R"))
    seen = await talks.firm.read(f"/v1/licenses/{held['id']}")
    assert (seen["schedule"][0]["state"], seen["credit"]["amount"]) == ("PAID", "0.00")
    assert seen["refunded"]["amount"] == "10.00"


# What is overdue


async def dunned(house: Licensing, license_id: str) -> list[tuple[int, str]]:
    await house.deadlines.dun()
    page = await house.changes(0, 1000, 0, ["deadline.overdue"])
    return [(int(str(one.data["days"])), one.audience or "") for one in page.items if one.subject == license_id]


async def test_both_sides_hear_of_what_is_overdue_once_for_each_step(talks: Talks) -> None:
    """DUE-DUNNING: on the first, the 15th and the 30th day."""
    held, house = await talks.overdue(1), talks.world.house.licensing
    both = {talks.firm.organization_id, talks.university.organization_id}

    async def steps() -> list[int]:
        found = await dunned(house, held["id"])
        assert {who for _, who in found} <= both
        return [days for days, who in found if who == talks.firm.organization_id]

    assert await steps() == [1] and await steps() == [1]
    await talks.later(13)
    assert await steps() == [1]
    await talks.later(40)  # asleep over the 15th day: the last step that was reached is told
    assert await steps() == [1, 30]
    paid = await talks.university.read(f"/v1/licenses/{held['id']}")
    assert paid["schedule"][0]["state"] == "OVERDUE"


async def test_a_termination_rests_on_a_demand_that_ran_out(talks: Talks) -> None:
    held = await talks.overdue(5)
    (item,) = held["schedule"]
    root, by = f"/v1/licenses/{held['id']}", talks.day(30)
    draft = {"item_ids": [item["id"]], "pay_by": by, "note": "请于期限内支付许可费"}
    assert [one["allowed"] for one in held["available_acts"] if one["act"] == "demands"] == [True]
    problem(await talks.firm.post(f"{root}/demands", json=draft), 404, "not_found")
    short = await talks.university.post(f"{root}/demands", json={**draft, "pay_by": talks.day(29)})
    assert rules_of(short) == ["DEMAND-PERIOD"]
    other = await talks.university.post(f"{root}/demands", json={**draft, "item_ids": ["due_nobody0"]})
    assert rules_of(other) == ["DEMAND-ITEMS"]
    demand = await talks.university.made(f"{root}/demands", draft)
    assert (demand["state"], demand["amount"]["amount"]) == ("RUNNING", "50000.00") and demand["pay_by"] >= by
    seen = await talks.firm.read(root)
    assert seen["timeline"][-1]["act"] == "demanded" and "五百六十三" in seen["timeline"][-1]["basis"]
    assert [one["id"] for one in (await talks.firm.read(f"{root}/demands"))["items"]] == [demand["id"]]
    due = (await talks.firm.read("/v1/deadlines", params={"kind": "DEMAND"}))["items"]
    assert [one["due_on"] for one in due if one["subject"] == held["id"]] == [demand["pay_by"]]
    end = {"ground": "BREACH", "reason": "逾期未付款", "demand_id": demand["id"]}
    assert rules_of(await talks.university.post(f"{root}/terminations", json=end)) == ["LIC-BREACH"]
    document = await talks.university.document()
    running = await talks.university.post(f"{root}/terminations", json={**end, "document_ids": [document]})
    assert rules_of(running) == ["LIC-BREACH"]
    problem(await talks.firm.post(f"{root}/terminations", json=end), 404, "not_found")
    days = (date.fromisoformat(demand["pay_by"]) - talks.world.today).days + 1
    await talks.later(days)
    # While a report of a payment is open, it is waited for.
    pay = a_transfer(talks.world, "50000.00", "A")
    reported = await talks.firm.made(f"{root}/payments", pay)
    assert rules_of(await talks.university.post(f"{root}/terminations", json=end)) == ["LIC-BREACH"]
    await talks.university.made(f"/v1/payments/{reported['id']}/contest", {"reason": "未到账"})
    await talks.operator.made(f"/v1/payments/{reported['id']}/resolution", {"outcome": "UPHELD", "reason": "查无此款"})
    assert (await talks.firm.read(f"{root}/demands"))["items"][0]["state"] == "UNMET"
    ended = await talks.university.made(f"{root}/terminations", end)
    assert ended["state"] == "TERMINATED" and ended["terminated_on"] == talks.today


async def test_a_demand_that_was_paid_ends_nothing(talks: Talks) -> None:
    held = await talks.overdue(5)
    root, bank = f"/v1/licenses/{held['id']}", await Bank.open(talks)
    draft = {"item_ids": [held["schedule"][0]["id"]], "pay_by": talks.day(30)}
    demand = await talks.university.made(f"{root}/demands", draft)
    assert (await bank.notify(a_transfer(talks.world, "50000.00", license_id=held["id"]))).status_code == 201
    await talks.later(60)
    end = {"ground": "BREACH", "reason": "逾期未付款", "demand_id": demand["id"]}
    assert rules_of(await talks.university.post(f"{root}/terminations", json=end)) == ["LIC-BREACH"]
    assert (await talks.firm.read(root))["demands"][0]["state"] == "MET"
    nothing = await talks.university.post(f"{root}/demands", json=draft)
    assert rules_of(nothing)[0] == "DEMAND-ITEMS"
