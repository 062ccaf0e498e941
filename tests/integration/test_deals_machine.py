"""The deals as a state machine over HTTP, compared after every step with a model of the law that has no database.

Answers are cut off in the middle now and then: whether the act was done is not known, the model forks, and the next
look at the real state has to agree with one of the forks; the act is then sent again under its key, for one effect.
`make soak-deals` runs it long, with connections to the database ended in the middle as well.
"""

from __future__ import annotations

import asyncio
import copy
import os
import secrets
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any, ClassVar

import anyio
import httpx
import psycopg
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from services.licensing.rules.terms import fen
from tests import factories
from tests.deals import Talks, a_declaration, a_quick_offer
from tests.deals_model import STEPS, Model
from tests.world import Api, World

LONG = int(os.environ.get("DUIJIE_MACHINE_EXAMPLES", "20"))
WINDOWS = [(400, 500), (450, 550), (600, 700)]  # days from the beginning on: two that meet, one apart
ASKED = 4  # inquiries of each firm
NAMES = st.integers(0, 1_000_000)
FAULTS = st.sampled_from(["none"] * 7 + ["cut", "again", "twin"])

Verdict = bool | None


class Machine(RuleBasedStateMachine):
    """One patent, its university, two firms, the operator."""

    portal: ClassVar[BlockingPortal]
    world: ClassVar[World]
    database: ClassVar[str | None]  # ended connections: only in the long run

    @initialize()
    def begin(self) -> None:
        self.talks: Talks = self.portal.call(self._opened)
        self.models = [Model(expiry=date(2043, 2, 14))]
        self.ids: dict[str, str] = {}  # name → id
        self.frozen: dict[str, tuple[Any, Any]] = {}  # terms of each notice as it was given
        self.orders: dict[str, str] = {}  # party → the path of what stands against it
        self.day0, self.count = self.world.today, 0

    async def _opened(self) -> Talks:
        talks = await (await Talks.open(self.world)).offered()
        self.firms = [talks.firm]
        self.firms.append(await self.world.organization(type="ENTERPRISE", uscc=factories.uscc("91370303")))
        terms = {"fee": {"fee_type": "FREE"}, "license_term_months": 9}
        # Asked beforehand: a listing is not on offer while something that it offers is licensed.
        self.asked = [[await talks.inquiry(firm) for _ in range(ASKED)] for firm in self.firms]
        self.standing = await talks.standing(**a_quick_offer(talks.patent, **terms))
        return talks

    # How an act is done, and what is made of its answer

    @property
    def today(self) -> date:
        return self.world.today

    @property
    def model(self) -> Model:
        """The one that is left: an unknown outcome is looked into at once."""
        assert len(self.models) == 1
        return self.models[0]

    def name(self, kind: str) -> str:
        self.count += 1
        return f"{kind}-{self.count}"

    def pick(self, found: Any, at: int) -> Any:
        found = list(found)
        return found[at % len(found)]

    def act(
        self, who: Api, path: str, body: dict[str, Any], verdict: Verdict, done: Callable[[Model], None], fault: str
    ) -> dict[str, Any] | None:
        """Send an act; the answer has to be what the model allows. Answers what was said, when it was done."""
        key = secrets.token_hex(8)
        answer = self.portal.call(self._sent, who, path, body, key, fault)
        if answer is None or answer.status_code in (503, 504):
            self._unknown(verdict, done)
            was_done = self._resolved()
            answer = self.portal.call(self._sent, who, path, body, key, "none")
            assert answer.status_code < 500, answer.text
            if was_done:
                assert answer.status_code < 300, f"{path} was done, and its repetition says {answer.text}"
                assert answer.headers.get("Idempotency-Replayed") == "true", f"{path} was done twice"
                return dict(answer.json())
        assert answer.status_code < 500, answer.text
        is_done = answer.status_code < 300
        said = "done" if is_done else answer.text
        assert verdict is None or verdict is is_done, f"{path} {body}: the law says {verdict}, the platform {said}"
        if not is_done:
            assert answer.status_code == 409, answer.text
            assert answer.json()["violations"], f"a refusal without its reason: {answer.text}"
            return None
        done(self.model)
        if fault == "again":
            again = self.portal.call(self._sent, who, path, body, key, "none")
            assert (again.status_code, again.content) == (answer.status_code, answer.content), "I-13"
        return dict(answer.json())

    async def _sent(self, who: Api, path: str, body: dict[str, Any], key: str, fault: str) -> httpx.Response | None:
        """An act; None when its answer was cut off."""
        if fault == "twin":  # I-13: two at once under one key are one act
            answers = await asyncio.gather(*(who.post(path, json=body, key=key) for _ in range(2)))
            assert answers[0].status_code == answers[1].status_code, [answer.text for answer in answers]
            assert answers[0].status_code >= 400 or answers[0].content == answers[1].content, "I-13"
            return answers[0]
        if fault != "cut":
            return await who.post(path, json=body, key=key)
        after_s = secrets.randbelow(60) / 1_000
        if self.database is not None and secrets.randbelow(2):
            ending = asyncio.create_task(self._end_connections(after_s))
            answer = await who.post(path, json=body, key=key)
            await ending
            return answer
        with anyio.move_on_after(after_s):
            return await who.post(path, json=body, key=key)
        return None

    async def _end_connections(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        assert self.database is not None
        async with await psycopg.AsyncConnection.connect(self.database, autocommit=True) as connection:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'duijie licensing'"
            )

    def _unknown(self, verdict: Verdict, done: Callable[[Model], None]) -> None:
        if verdict is False:
            return
        fork = copy.deepcopy(self.model)
        done(fork)
        self.models.append(fork)

    def _resolved(self) -> bool:
        """Look, and keep the fork that is true; whether that is the one in which the act was done."""
        before = len(self.models)
        seen = self.portal.call(self._look)
        left = [at for at, model in enumerate(self.models) if model.seen(self.today) == seen]
        if not left:
            raise AssertionError(f"half an effect:\n{seen}\n{[model.seen(self.today) for model in self.models]}")
        was_done = before == 2 and left == [1]
        self.models = [self.models[left[0]]]
        return was_done

    # Open licenses

    @precondition(lambda self: len(self.model.declarations) < 3)
    @rule(fee=st.sampled_from(["FREE", "LUMP_SUM"]), fault=FAULTS)
    def declare(self, fee: str, fault: str) -> None:
        name, price = self.name("declaration"), {"fee_type": fee} | ({"amount": "30000.00"} if fee != "FREE" else {})
        body = {**a_declaration(self.talks.patent, fee=price), "external_id": name}
        state = ("CONSENTED", 3_000_000 if fee != "FREE" else 0)

        def done(model: Model) -> None:
            model.declarations[name] = state

        self.act(self.talks.university, "/v1/open-license-declarations", body, True, done, fault)

    @precondition(lambda self: self.model.declarations)
    @rule(at=NAMES, act=st.sampled_from([*STEPS, "filing", "announcement"]), fault=FAULTS)
    def proceed(self, at: int, act: str, fault: str) -> None:
        name, day = self.pick(self.model.declarations, at), self.today.isoformat()
        body: dict[str, Any] = {"announcement_number": "KF1", "announced_on": day}
        if act in ("filing", "withdrawal"):
            body = {"filed_on": day, "signatory": {"name": "校长"}, "reason": "调整"}
            if act == "filing":
                del body["reason"]
                body["acknowledged_rules"] = ["OL-TERM", "OL-FEE-CAP", "OL-TERM-EXPIRY"]
        elif act == "non-announcement":
            body = {"decided_on": day, "reason": "不符合规定"}
        who = self.talks.university if act in ("filing", "withdrawal") else self.talks.operator
        verdict = self.model.may_step(name, act, self.today)
        self.act(
            who, self.at("open-license-declarations", name, act), body, verdict, lambda m: m.step(name, act), fault
        )

    def at(self, kind: str, name: str, act: str) -> str:
        return f"/v1/{kind}/{self.ids[name]}/{act}"

    @precondition(lambda self: self.model.declarations)
    @rule(at=NAMES, firm=st.integers(0, 1), fault=FAULTS)
    def notify(self, at: int, firm: int, fault: str) -> None:
        declared, name, today = self.pick(self.model.declarations, at), self.name("request"), self.today
        body = {"declaration_id": self.ids[declared], "intended_use": "生产", "external_id": name}
        verdict = self.model.may_notify(declared, str(firm))
        if verdict is False and self.model.declarations[declared][0] in (
            "DRAFT",
            "CONSENTED",
            "FILED",
            "NOT_ANNOUNCED",
        ):
            refused = self.portal.call(self._sent, self.firms[firm], "/v1/open-license-requests", body, name, "none")
            assert refused.status_code == 404, "a stranger learns of a declaration before the gazette"
            return
        self.act(
            self.firms[firm], "/v1/open-license-requests", body, verdict,
            lambda m: m.notify(name, declared, str(firm), today), fault,
        )  # fmt: skip

    @precondition(lambda self: self.model.requests)
    @rule(at=NAMES, part=st.sampled_from([3_000_000, 3_000_000, 2_999_999, 1, 1_500_000, 4_000_000]), fault=FAULTS)
    def pay(self, at: int, part: int, fault: str) -> None:
        name = self.pick(self.model.requests, at)
        reference, today = (
            self.pick([*self.model.requests[name].paid, self.name("ref"), self.name("ref")], at),
            self.today,
        )
        body = {"amount": {"amount": f"{part // 100}.{part % 100:02}"}, "paid_on": str(today), "reference": reference}
        verdict = self.model.may_pay(name, reference, today)
        path, firm = self.at("open-license-requests", name, "payments"), self.firms[int(self.model.requests[name].firm)]
        self.act(firm, path, body, verdict, lambda m: m.pay(name, reference, part, today), fault)

    @precondition(lambda self: any(one.paid for one in self.model.requests.values()))
    @rule(
        at=NAMES, act=st.sampled_from(["confirmation", "confirmation", "contest", "UPHELD", "REJECTED"]), fault=FAULTS
    )
    def clear(self, at: int, act: str, fault: str) -> None:
        name, reference = self.pick([(n, r) for n, one in self.model.requests.items() for r in one.paid], at)
        who, route, body, state = self.talks.university, act, {}, "SETTLED"
        if act == "contest":
            body, state = {"reason": "未到账"}, "CONTESTED"
        elif act != "confirmation":
            who, route, body = self.talks.operator, "resolution", {"outcome": act, "reason": "经核实"}
            state = "NOT_RECEIVED" if act == "UPHELD" else "SETTLED"
        verdict = self.model.may_clear(name, reference, route)
        path = self.at("payments", f"{name} {reference}", route)
        self.act(who, path, body, verdict, lambda m: m.clear(name, reference, state), fault)

    @precondition(lambda self: self.model.requests)
    @rule(at=NAMES, fault=FAULTS)
    def cancel(self, at: int, fault: str) -> None:
        name = self.pick(self.model.requests, at)

        def done(model: Model) -> None:
            model.requests[name].is_cancelled = True

        path, firm = (
            self.at("open-license-requests", name, "cancellation"),
            self.firms[int(self.model.requests[name].firm)],
        )
        self.act(firm, path, {}, self.model.may_cancel(name, self.today), done, fault)

    @precondition(lambda self: self.model.declarations)
    @rule(at=NAMES)
    def deal_with_oneself(self, at: int) -> None:
        """I-17: never, whatever else holds."""
        body = {"declaration_id": self.ids[self.pick(self.model.declarations, at)], "intended_use": "生产"}
        answer = self.portal.call(
            self._sent, self.talks.university, "/v1/open-license-requests", body, secrets.token_hex(8), "none"
        )
        assert answer.status_code == 409, answer.text

    # Negotiated licenses

    @rule(
        kind=st.sampled_from(["ORDINARY", "SOLE", "EXCLUSIVE", "EXCLUSIVE"]),
        window=st.sampled_from(WINDOWS),
        firm=st.integers(0, 1),
    )
    def offer(self, kind: str, window: tuple[int, int], firm: int) -> None:
        if not self.asked[firm] or self.model.barred(str(firm), "university"):
            return
        name, by, asked = self.name("offer"), self.firms[firm], self.asked[firm].pop()
        first, last = (self.day0 + timedelta(days=day) for day in window)
        until = self.today + timedelta(days=10)

        async def made() -> str:
            days = {"from": str(first), "to": str(last)}
            fee = {"fee_type": "FREE"}
            sent = await self.talks.offer(asked, by, license_type=kind, scope=days, fee=fee, valid_until=str(until))
            return str(sent["id"])

        self.ids[name] = self.portal.call(made)
        self.model.offers[name] = (kind, str(firm), first, last, until, "SENT")

    @precondition(lambda self: self.model.offers)
    @rule(at=NAMES, fault=FAULTS)
    def accept(self, at: int, fault: str) -> None:
        name, today = self.pick(self.model.offers, at), self.today
        verdict = self.model.may_accept(name, today)
        self.act(
            self.talks.university, self.at("offers", name, "acceptance"), {}, verdict,
            lambda m: m.accept(name, today), fault,
        )  # fmt: skip

    @precondition(lambda self: any(name in self.model.licenses for name in self.model.offers))
    @rule(at=NAMES, side=st.sampled_from(["LICENSOR", "LICENSEE"]), fault=FAULTS)
    def sign(self, at: int, side: str, fault: str) -> None:
        name = self.pick([name for name in self.model.offers if name in self.model.licenses], at)
        by, path = self._side(name, side), f"/v1/licenses/{self.ids[f'license of {name}']}"
        read = self.portal.call(by.read, path)
        body = {"document_sha256": read["document_sha256"], "method": "PLATFORM", "signatory": {"name": "某人"}}
        verdict = self.model.may_sign(name, side, self.today)
        self.act(by, f"{path}/signatures", body, verdict, lambda m: m.sign(name, side), fault)

    @precondition(lambda self: self.model.licenses)
    @rule(at=NAMES, side=st.sampled_from(["LICENSOR", "LICENSEE"]), fault=FAULTS)
    def end(self, at: int, side: str, fault: str) -> None:
        name, today = (
            self.pick([name for name in self.model.licenses if name not in self.model.trials] or [""], at),
            self.today,
        )
        if not name:
            return
        path = f"/v1/licenses/{self.ids[f'license of {name}']}/terminations"
        body = {"ground": "AGREEMENT", "reason": "协商解除"}
        verdict = self.model.may_end(name, today)
        self.act(self._side(name, side), path, body, verdict, lambda m: m.end(name, side, today), fault)

    def _side(self, name: str, side: str) -> Api:
        if side == "LICENSOR":
            return self.talks.university
        firm = self.model.offers[name][1] if name in self.model.offers else self.model.requests[name].firm
        return self.firms[int(firm)]

    # Quick licenses

    @rule(firm=st.integers(0, 1), fault=FAULTS)
    def try_(self, firm: int, fault: str) -> None:
        name, today = self.name(f"trial-{firm}"), self.today
        body = {"offer_id": self.standing["id"], "intended_use": "试用", "external_id": name}
        verdict = self.model.may_try(str(firm), today)
        self.act(self.firms[firm], "/v1/quick-license-requests", body, verdict, lambda m: m.try_(name, today), fault)

    @precondition(lambda self: self.model.trials)
    @rule(at=NAMES, act=st.sampled_from(["conversion", "termination"]), fault=FAULTS)
    def decide(self, at: int, act: str, fault: str) -> None:
        name, today = self.pick(self.model.trials, at), self.today

        def done(model: Model) -> None:
            if act == "conversion":
                model.convert(name)
            else:
                model.licenses[name].terminated = today

        path, firm = self.at("quick-license-requests", name, act), name.split("-")[1]
        verdict = self.model.may_decide(name, act, firm, today)
        self.act(self.firms[int(firm)], path, {}, verdict, done, fault)

    # Orders

    @rule(party=st.sampled_from(["0", "1", "university"]))
    def order(self, party: str) -> None:
        """I-12: an order against a party, or its lifting, which everybody has heard of."""

        async def done() -> None:
            if self.model.barred(party):
                await self.talks.lifted(self.orders.pop(party))
            else:
                who = self.talks.university if party == "university" else self.firms[int(party)]
                self.orders[party] = await self.talks.restricted(who)

        self.portal.call(done)
        self.model.restricted ^= {party}

    # Days

    @precondition(lambda self: self.today - self.day0 < timedelta(days=330))
    @rule(days=st.sampled_from([1, 3, 11, 31, 31, 95]))
    def days_pass(self, days: int) -> None:
        """What ends by the calendar ends, with nobody awake; then somebody looks into the register."""
        self.portal.call(self._later, days)

    async def _later(self, days: int) -> None:
        self.world.clock.offset += timedelta(days=days)
        self.world._signed_in.clear()
        self.talks.operator = operator = await self.world.demo("operator")
        for who in (self.talks.university, *self.firms):
            client = await operator.made(f"/v1/organizations/{who.organization_id}/clients", {})
            token = await self.world.sign_in(client["client_id"], client["client_secret"])
            who.headers["Authorization"] = f"Bearer {token['access_token']}"
        await self.talks.checked(self.talks.patent)

    # What is so after every step

    async def _look(self) -> dict[str, object]:
        """Everything that the university can read of this patent, by name."""
        by, found = self.talks.university, {}

        async def all_(path: str) -> list[dict[str, Any]]:
            return list((await by.read(path, params={"limit": 100}))["items"])

        for one in await all_("/v1/open-license-declarations?mine=true"):
            self.ids[one["external_id"]] = one["id"]
            found[one["external_id"]] = one["state"]
        names = {}
        for firm in self.firms:
            for kind in ("open-license-requests", "quick-license-requests"):
                listed = (await firm.read(f"/v1/{kind}", params={"limit": 100}))["items"]
                names |= {one["id"]: one["external_id"] for one in listed}
        for one in await all_("/v1/open-license-requests"):
            name = names[one["id"]]
            self.ids[name] = one["id"]
            self._frozen(one)
            for paid in one["payments"]:
                self.ids[f"{name} {paid['reference']}"] = paid["id"]
            payments = {paid["reference"]: (fen(paid["amount"]["amount"]), paid["state"]) for paid in one["payments"]}
            money = [fen(one[kind]["amount"]) for kind in ("due", "settled", "refundable")]
            found[name] = (one["state"], *money, payments, one["payment_due_on"])
        for one in await all_("/v1/quick-license-requests"):
            self.ids[names[one["id"]]] = one["id"]
            found[names[one["id"]]] = one["state"]
        self.held = await all_("/v1/licenses")
        names |= {id_: name for name, id_ in self.ids.items() if name.startswith("offer")}
        for one in self.held:
            name = f"license of {names[one['source']['id']]}"
            self.ids[name] = one["id"]
            found[name] = (one["license_type"], one["state"], one["scope"]["from"], one["scope"]["to"])
        return found

    def _frozen(self, one: dict[str, Any]) -> None:
        """I-4, I-5: what was announced when the notice was given stays, whatever becomes of the declaration."""
        terms = (one["terms_hash"], one["terms_snapshot"])
        assert self.frozen.setdefault(one["id"], terms) == terms

    @invariant()
    def the_law_holds(self) -> None:
        if not hasattr(self, "models"):
            return
        self._resolved()
        states = {name: state for name, (state, _) in self.model.declarations.items()}
        held = [one for one in self.held if one["state"] in ("PENDING_SIGNATURES", "SIGNED", "IN_FORCE")]
        alone = [one for one in held if one["license_type"] != "ORDINARY"]
        live = [name for name, state in states.items() if state in ("FILED", "ANNOUNCED", "WITHDRAWAL_FILED")]
        assert len(live) <= 1
        assert not (live and alone), "I-1: an open license beside a sole or exclusive one"
        for one, two in combinations(held, 2):
            if one in alone or two in alone:
                apart = one["scope"]["to"] < two["scope"]["from"] or two["scope"]["to"] < one["scope"]["from"]
                assert apart, f"I-2, I-3: {one['id']} and {two['id']}"
        for one in self.held:
            assert one["scope"]["to"] <= str(self.model.expiry), "I-6"
            is_statutory = one["source"]["type"] == "OPEN_LICENSE"
            request = next((n for n in self.model.requests if self.ids[n] == one["source"]["id"]), None)
            assert is_statutory is (request is not None), "I-11: nothing else is called an open license"
            if request is not None:
                given = self.model.requests[request]
                assert given.settled() >= given.due, "I-7"


@pytest.fixture(scope="module")
def machine(new_database: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[type[Machine]]:
    """The machine in a world and a loop of its own."""
    home: Path = tmp_path_factory.mktemp("machine")
    url = new_database()
    with start_blocking_portal("asyncio") as portal, portal.wrap_async_context_manager(World.open(url, home)) as world:
        Machine.portal, Machine.world, Machine.database = portal, world, None
        yield Machine
        Machine.database = url


def walk(machine: type[Machine], examples: int, steps: int, *, derandomize: bool) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, derandomize=derandomize, deadline=None, database=None,
            phases=[Phase.generate], report_multiple_bugs=False, suppress_health_check=list(HealthCheck), print_blob=True,
        ),
    )  # fmt: skip


def test_whatever_is_done_the_deals_are_what_the_model_of_the_law_says(machine: type[Machine]) -> None:
    walk(machine, 6, 25, derandomize=True)


@pytest.mark.slow
def test_so_they_are_in_a_long_walk_with_connections_ended_in_the_middle(
    machine: type[Machine], request: pytest.FixtureRequest
) -> None:
    machine.database = machine.world.house.licensing.db.url
    walk(machine, LONG, 60, derandomize=False)
