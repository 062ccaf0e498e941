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
from decimal import Decimal
from itertools import combinations, count
from pathlib import Path
from random import Random
from typing import Any, ClassVar

import anyio
import httpx
import psycopg
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from services.licensing.rules.terms import fen
from tests import factories
from tests.deals import Talks, a_declaration, a_quick_offer
from tests.deals_model import OPEN, STEPS, Model
from tests.world import Api, World

LONG = int(os.environ.get("DUIJIE_MACHINE_EXAMPLES", "20"))
WINDOWS = [(400, 500), (450, 550), (600, 700)]  # days from the beginning on: two that meet, one apart
ASKED = 4  # inquiries of each firm

Verdict = bool | None
OFTEN = {
    "declare": 3, "owner_says": 5, "proceed": 4, "notify": 8, "pay": 8, "clear": 10, "cancel": 1, "deal_with_oneself": 1,
    "offer": 4, "accept": 5, "sign": 6, "end": 2, "try_": 2, "decide": 2, "order": 1, "days_pass": 2,
}  # fmt: skip
POSSIBLE: dict[str, Callable[[Machine], object]] = {
    "declare": lambda walk: len(walk.model.declarations) < 3,
    "owner_says": lambda walk: walk.owner,
    "proceed": lambda walk: walk.model.declarations,
    "notify": lambda walk: walk.model.declarations,
    "pay": lambda walk: walk.model.requests,
    "clear": lambda walk: any(one.paid for one in walk.model.requests.values()),
    "cancel": lambda walk: walk.model.requests,
    "deal_with_oneself": lambda walk: any(state in OPEN for state, _ in walk.model.declarations.values()),
    "offer": lambda walk: any(map(walk._may_offer, (0, 1))) and walk.expiry > walk.day0 + timedelta(days=1_000),
    "accept": lambda walk: walk.model.offers,
    "sign": lambda walk: walk._agreed(),
    "end": lambda walk: walk.model.licenses.keys() - walk.model.trials.keys(),
    "try_": lambda walk: True,
    "decide": lambda walk: walk.model.trials,
    "order": lambda walk: True,
    "days_pass": lambda walk: walk.today - walk.day0 < timedelta(days=330),
}


class Machine(RuleBasedStateMachine):
    """One patent, its university (and another owner, or none), two firms, the operator."""

    portal: ClassVar[BlockingPortal]
    world: ClassVar[World]
    database: ClassVar[str | None]  # ended connections: only in the long run
    seeds: ClassVar[Iterator[int]]

    @initialize()
    def begin(self) -> None:
        """Each walk has acts that it never does, and some that it does often.

        Its chances are its own: hypothesis likes small and equal numbers, and walks of them seldom come to a payment.
        """
        seed = next(self.seeds)
        self.chance = chance = Random(seed)
        is_co_owned, years_ago = chance.random() < 0.5, chance.choice([3, 3, 3, 20])
        self.wanted = {each: weight * chance.choice([0, 1, 1, 1, 1, 3]) for each, weight in OFTEN.items()} | {
            "declare": 2
        }
        self.talks: Talks = self.portal.call(self._opened, is_co_owned, years_ago)
        self.models = [Model(expiry=self.expiry, is_co_owned=is_co_owned)]
        self.ids: dict[str, str] = {}  # name → id
        self.frozen: dict[str, tuple[Any, Any]] = {}  # terms of each notice as it was given
        self.orders: dict[str, str] = {}  # party → the path of what stands against it
        self.day0, self.count, self.told = self.world.today, 0, f" (walk {seed})"
        if chance.random() < 0.5:
            self._announced(chance)

    async def _opened(self, is_co_owned: bool, years_ago: int) -> Talks:
        """A patent filed so long ago, and 220 days later in the year."""
        talks, day = await Talks.open(self.world), self.world.today + timedelta(days=220)
        filed = day.replace(year=day.year - years_ago, day=min(day.day, 28))
        self.owner = await talks.patented(filed, together=is_co_owned)
        self.expiry = date.fromisoformat((await talks.university.read(f"/v1/patents/{talks.patent}"))["expiry_date"])
        await talks.offered(modes=["ORDINARY"])
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

    def note(self, said: str) -> None:
        """What is being done, for whoever reads of a failure: hypothesis shows nothing of a walk that fails but once."""
        note(f"  {said}")
        self.told = "\n  ".join([*self.told.split("\n  "), said][-15:])

    def pick(self, found: Any, chance: Random, may: Callable[[Any], Verdict]) -> Any:
        """One of some, four times of five one with which it may be done, if there is any."""
        found = list(found)
        if chance.randrange(5):
            found = [one for one in found if may(one) is not False] or found
        return chance.choice(found)

    def act(
        self, who: Api, path: str, body: dict[str, Any], verdict: Verdict, done: Callable[[Model], None], fault: str
    ) -> dict[str, Any] | None:
        """Send an act; the answer has to be what the model allows. Answers what was said, when it was done."""
        key = secrets.token_hex(8)
        self.note(f"{path} {body}: {verdict}, {fault}")
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
        assert verdict is None or verdict is is_done, f"the law says {verdict}, the platform {said}, after{self.told}"
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
            while (await who.get("/v1/licenses")).status_code == 503:  # says so once, for what was kept open
                await asyncio.sleep(0.01)
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

    @rule()
    def step(self) -> None:
        """One act of those that somebody could try now, more often one that goes on with something than a stray one."""
        chance = self.chance
        fault = chance.choice(["none"] * 7 + ["cut", "again", "twin"])
        known = [(each, weight) for each, weight in self.wanted.items() if POSSIBLE[each](self)]
        (does,) = chance.choices([each for each, _ in known], [weight for _, weight in known])
        getattr(self, does)(chance, fault)

    # Open licenses

    def declare(self, chance: Random, fault: str) -> None:
        name, fee = self.name("declaration"), chance.choice(["FREE", "LUMP_SUM", "LUMP_SUM"])
        price = {"fee_type": fee} | ({"amount": "30000.00"} if fee != "FREE" else {})
        body = {**a_declaration(self.talks.patent, fee=price), "external_id": name}
        due = 3_000_000 if fee != "FREE" else 0
        self.act(
            self.talks.university, "/v1/open-license-declarations", body, True, lambda m: m.declare(name, due), fault
        )

    def owner_says(self, chance: Random, fault: str) -> None:
        """I-8: the other owner consents to a declaration, to its withdrawal, to licenses, and takes it back."""
        given = [(name, number) for name, given in self.model.consents.items() for number in range(len(given))]
        said = chance.choice(["yes", "yes", "yes", "no", "licenses"])
        if (said == "licenses" or not self.model.consents) and not self.model.is_old(self.today):
            self._to_licenses(fault)
        elif not self.model.consents:
            return
        elif said == "yes" or not given:
            open_ = [(name, to) for name in self.model.consents for to in ("DECLARATION", "WITHDRAWAL")]
            name, to = self.pick(open_, chance, lambda one: self.model.may_consent(*one, self.today))
            body = {"role": "CO_OWNER", "to": to, "given_on": str(self.today)}
            verdict, path = (
                self.model.may_consent(name, to, self.today),
                self.at("open-license-declarations", name, "consents"),
            )
            self.act(self.owner, path, body, verdict, lambda m: m.consent(name, to), fault)
        else:
            name, number = self.pick(given, chance, lambda one: self.model.may_take_back(*one, self.today))
            to, verdict = self.model.consents[name][number][0], self.model.may_take_back(name, number, self.today)
            path = self.at("open-license-declarations", name, f"consents/{self.ids[f'consent {number} to {name}']}")
            body = {"occurred_on": str(self.today)}
            self.act(self.owner, f"{path}/revocation", body, verdict, lambda m: m.take_back(name, to), fault)

    def _to_licenses(self, fault: str) -> None:
        """To sole and exclusive ones, whatever their terms; taken back it counts no more, even for signatures."""
        root = f"/v1/patents/{self.talks.patent}/consents"
        if not any(self.model.license_consents):
            body = {"role": "CO_OWNER", "acts": ["SOLE_LICENSE", "EXCLUSIVE_LICENSE"], "given_on": str(self.today)}
            self.act(self.owner, root, body, True, lambda m: m.license_consents.append(True), fault)
            return

        def done(model: Model) -> None:
            model.license_consents[-1] = False

        path = f"{root}/{self.ids['consent to licenses']}/revocation"
        self.act(self.owner, path, {"occurred_on": str(self.today)}, True, done, fault)

    def proceed(self, chance: Random, fault: str) -> None:
        weight = {"filing": 4, "announcement": 6, "withdrawal-announcement": 2}
        steps = [(name, act) for name in self.model.declarations for act in STEPS for _ in range(weight.get(act, 1))]
        name, act = self.pick(steps, chance, lambda one: self.model.may_step(*one, self.today))
        self._proceed(name, act, fault)

    def _announced(self, chance: Random) -> None:
        """Every second walk begins under an announced declaration: from there it comes to payments."""
        self.declare(chance, "none")
        self._resolved()
        (name,) = self.model.declarations
        if self.owner:
            body = {"role": "CO_OWNER", "to": "DECLARATION", "given_on": str(self.today)}
            path = self.at("open-license-declarations", name, "consents")
            self.act(self.owner, path, body, True, lambda m: m.consent(name, "DECLARATION"), "none")
        for act in ("filing", "announcement"):
            self._proceed(name, act, "none")

    def _proceed(self, name: str, act: str, fault: str) -> None:
        day = self.today.isoformat()
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

    def notify(self, chance: Random, fault: str) -> None:
        firm, today, name = chance.randrange(2), self.today, self.name("request")
        declared = self.pick(self.model.declarations, chance, lambda one: self.model.may_notify(one, str(firm), today))
        body = {"declaration_id": self.ids[declared], "intended_use": "生产", "external_id": name}
        if self.model.declarations[declared][0] in ("DRAFT", "CONSENTED", "FILED", "NOT_ANNOUNCED"):
            refused = self.portal.call(self._sent, self.firms[firm], "/v1/open-license-requests", body, name, "none")
            assert refused.status_code == 404, "a stranger learns of a declaration before the gazette"
            return
        verdict = self.model.may_notify(declared, str(firm), today)
        self.act(
            self.firms[firm], "/v1/open-license-requests", body, verdict,
            lambda m: m.notify(name, declared, str(firm), today), fault,
        )  # fmt: skip

    def pay(self, chance: Random, fault: str) -> None:
        name = self.pick(self.model.requests, chance, lambda one: self.model.may_pay(one, "new", self.today))
        reference = chance.choice([*self.model.requests[name].paid, self.name("ref"), self.name("ref")])
        part = chance.choice([3_000_000, 3_000_000, 2_999_999, 1, 1_500_000, 4_000_000])
        today, firm = self.today, self.firms[int(self.model.requests[name].firm)]
        body = {"amount": {"amount": f"{part // 100}.{part % 100:02}"}, "paid_on": str(today), "reference": reference}
        verdict, path = self.model.may_pay(name, reference, today), self.at("open-license-requests", name, "payments")
        self.act(firm, path, body, verdict, lambda m: m.pay(name, reference, part, today), fault)

    def clear(self, chance: Random, fault: str) -> None:
        act = chance.choice(["confirmation", "confirmation", "contest", "UPHELD", "REJECTED"])
        who, route, body, state = self.talks.university, act, {}, "SETTLED"
        if act == "contest":
            body, state = {"reason": "未到账"}, "CONTESTED"
        elif act != "confirmation":
            who, route, body = self.talks.operator, "resolution", {"outcome": act, "reason": "经核实"}
            state = "NOT_RECEIVED" if act == "UPHELD" else "SETTLED"
        paid = [(name, reference) for name, one in self.model.requests.items() for reference in one.paid]
        name, reference = self.pick(paid, chance, lambda one: self.model.may_clear(*one, route))
        verdict = self.model.may_clear(name, reference, route)
        path = self.at("payments", f"{name} {reference}", route)
        self.act(who, path, body, verdict, lambda m: m.clear(name, reference, state), fault)

    def cancel(self, chance: Random, fault: str) -> None:
        name = self.pick(self.model.requests, chance, lambda one: self.model.may_cancel(one, self.today))

        def done(model: Model) -> None:
            model.requests[name].is_cancelled = True

        path = self.at("open-license-requests", name, "cancellation")
        firm = self.firms[int(self.model.requests[name].firm)]
        self.act(firm, path, {}, self.model.may_cancel(name, self.today), done, fault)

    def deal_with_oneself(self, chance: Random, fault: str) -> None:
        """I-17: never, whatever else holds."""
        declared = self.ids[chance.choice(list(self.model.declarations))]
        body = {"declaration_id": declared, "intended_use": "生产"}
        self.act(self.talks.university, "/v1/open-license-requests", body, False, lambda m: None, fault)

    # Negotiated licenses

    def offer(self, chance: Random, _: str) -> None:
        firm = chance.choice([firm for firm in (0, 1) if self._may_offer(firm)])
        kind = chance.choice(["ORDINARY", "SOLE", "EXCLUSIVE", "EXCLUSIVE"])
        name, by, asked = self.name("offer"), self.firms[firm], self.asked[firm].pop()
        first, last = (self.day0 + timedelta(days=day) for day in chance.choice(WINDOWS))
        until = self.today + timedelta(days=40)

        async def made() -> str:
            days = {"from": str(first), "to": str(last)}
            fee = {"fee_type": "FREE"}
            sent = await self.talks.offer(asked, by, license_type=kind, scope=days, fee=fee, valid_until=str(until))
            return str(sent["id"])

        self.note(f"{name}: {kind} {first} {last} by {firm}")
        self.ids[name] = self.portal.call(made)
        self.model.offers[name] = (kind, str(firm), first, last, until, "SENT")

    def _may_offer(self, firm: int) -> bool:
        return bool(self.asked[firm]) and not self.model.barred(str(firm), "university")

    def accept(self, chance: Random, fault: str) -> None:
        today = self.today
        name = self.pick(self.model.offers, chance, lambda one: self.model.may_accept(one, today))
        path, verdict = self.at("offers", name, "acceptance"), self.model.may_accept(name, today)
        self.act(self.talks.university, path, {}, verdict, lambda m: m.accept(name, today), fault)

    def sign(self, chance: Random, fault: str) -> None:
        sides = [(name, side) for name in self._agreed() for side in ("LICENSOR", "LICENSEE")]
        name, side = self.pick(sides, chance, lambda one: self.model.may_sign(*one, self.today))
        by, path = self._side(name, side), f"/v1/licenses/{self.ids[f'license of {name}']}"
        read = self.portal.call(by.read, path)
        body = {"document_sha256": read["document_sha256"], "method": "PLATFORM", "signatory": {"name": "某人"}}
        verdict = self.model.may_sign(name, side, self.today)
        self.act(by, f"{path}/signatures", body, verdict, lambda m: m.sign(name, side), fault)

    def _agreed(self) -> list[str]:
        return [name for name in self.model.offers if name in self.model.licenses]

    def end(self, chance: Random, fault: str) -> None:
        today, held = self.today, [name for name in self.model.licenses if name not in self.model.trials]
        name = self.pick(held, chance, lambda one: self.model.may_end(one, today))
        side = chance.choice(["LICENSOR", "LICENSEE"])
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

    def try_(self, chance: Random, fault: str) -> None:
        firm, today = chance.randrange(2), self.today
        name = self.name(f"trial-{firm}")
        body = {"offer_id": self.standing["id"], "intended_use": "试用", "external_id": name}
        verdict = self.model.may_try(str(firm), today)
        self.act(self.firms[firm], "/v1/quick-license-requests", body, verdict, lambda m: m.try_(name, today), fault)

    def decide(self, chance: Random, fault: str) -> None:
        act, today = chance.choice(["conversion", "termination"]), self.today
        name = self.pick(self.model.trials, chance, lambda one: self.model.trial_state(one, today) == "TRIAL")

        def done(model: Model) -> None:
            if act == "conversion":
                model.convert(name)
            else:
                model.licenses[name].terminated = today

        path, firm = self.at("quick-license-requests", name, act), name.split("-")[1]
        verdict = self.model.may_decide(name, act, firm, today)
        self.act(self.firms[int(firm)], path, {}, verdict, done, fault)

    # Orders

    def order(self, chance: Random, _: str) -> None:
        """I-12: an order against a party, or its lifting, which everybody has heard of."""
        party = chance.choice(sorted(self.orders) or ["0", "1", "university"])

        async def done() -> None:
            if self.model.barred(party):
                await self.talks.lifted(self.orders.pop(party))
            else:
                who = self.talks.university if party == "university" else self.firms[int(party)]
                self.orders[party] = await self.talks.restricted(who)

        self.note(f"order {party}")
        self.portal.call(done)
        self.model.restricted ^= {party}

    # Days

    def days_pass(self, chance: Random, _: str) -> None:
        """What ends by the calendar ends, with nobody awake; then somebody looks into the register."""
        self.portal.call(self._later, chance.choice([1, 3, 11, 31, 31, 95]))
        self.note(f"it is {self.today}")

    async def _later(self, days: int) -> None:
        self.world.clock.offset += timedelta(days=days)
        self.world._signed_in.clear()
        self.talks.operator = operator = await self.world.demo("operator")
        for who in (self.talks.university, *self.firms, *([self.owner] if self.owner else [])):
            client = await operator.made(f"/v1/organizations/{who.organization_id}/clients", {})
            token = await self.world.sign_in(client["client_id"], client["client_secret"])
            who.headers["Authorization"] = f"Bearer {token['access_token']}"
        if not self.model.is_old(self.today):
            await self.talks.checked(self.talks.patent)

    # What is so after every step

    async def _look(self) -> dict[str, object]:
        """Everything that the university can read of this patent, by name."""
        by, found = self.talks.university, {}

        async def all_(path: str, **params: Any) -> list[dict[str, Any]]:
            return list((await by.read(path, params={"limit": 100, **params}))["items"])

        for one in await all_("/v1/open-license-declarations", mine=True):
            self.ids[one["external_id"]] = one["id"]
            found[one["external_id"]] = one["state"]
            given = await all_(f"/v1/open-license-declarations/{one['id']}/consents")
            found[f"consents to {one['external_id']}"] = [(c["to"], c["revoked_on"] is None) for c in given]
            self.ids |= {f"consent {at} to {one['external_id']}": c["id"] for at, c in enumerate(given)}
        known = await all_(f"/v1/patents/{self.talks.patent}/consents")
        found["consents to licenses"] = [c["revoked_on"] is None for c in known]
        if known:
            self.ids["consent to licenses"] = known[-1]["id"]
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

    async def _whole(self) -> None:
        """I-9: what arrived is shared out to the fen, and the books balance; I-18: type, number and term agree."""
        by = self.talks.university
        assert (await by.read("/v1/ledger-balances"))["total"] == "0.00"
        patent = await by.read(f"/v1/patents/{self.talks.patent}")
        number = patent["application_number"]
        assert (patent["patent_type"], number[4]) == ("INVENTION", "1") and number[:4] == patent["filing_date"][:4]
        assert patent["expiry_date"] == str(self.expiry) and self.expiry.year - int(number[:4]) == 20
        shares = [holder.get("share") for holder in patent["holders"]]
        assert not self.owner or sum(map(Decimal, shares)) == 100
        for one in self.held:
            body = {"license_id": one["id"], "persons": [{"name": "王工", "weight": 2}, {"name": "李工", "weight": 1}]}
            answer = await by.post("/v1/distribution-previews", json=body)
            if answer.status_code == 409:
                assert [no["rule"] for no in answer.json()["violations"]] == ["DIST-MONEY"], answer.text
                continue
            told = answer.json()
            parts = sum(Decimal(part["amount"]["amount"]) for part in told["parts"])
            assert parts == Decimal(told["gross"]["amount"]) > 0, told

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
        self.portal.call(self._whole)


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
    machine.seeds = count(0 if derandomize else secrets.randbelow(1_000_000_000))
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
