"""Which act is open in which state: each of the deals' state machines as one table, to be read by a lawyer.

A row is a state, a column an act, by the name of its route; `·` says that the act is refused there, under the rule named
above the table; `✓` that it is open, a state's name that it leads there. `any`: this state does not decide about the act.
A state, or an act at the front door, that is missing in its table fails here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

import pytest

from services.licensing.rules import (
    benefit,
    contract,
    declaration,
    notice,
    offer,
    payment,
    quick,
    recordal,
    royalty,
    schedule,
)
from services.licensing.rules.contract import Contract
from services.licensing.rules.declaration import DeclarationAct
from services.licensing.rules.offer import Said
from services.licensing.rules.payment import PaymentAct
from services.licensing.rules.royalty import ReportAct
from shared.contracts.access import ACCESS
from shared.contracts.benefits import DistributionAct, DistributionState
from shared.contracts.catalog import DeferralEvent
from shared.contracts.licensing import (
    DeclarationState,
    InquiryState,
    LicenseState,
    OfferState,
    PaymentState,
    QuickOfferState,
    QuickRequestState,
    QuickTerms,
    RecordalState,
    ReportState,
    RequestState,
    Side,
)
from shared.rulebook import Refusal
from tests.unit.verdicts import verdict

TODAY = date(2026, 11, 20)
YESTERDAY, TOMORROW = TODAY - timedelta(days=1), TODAY + timedelta(days=1)


def of(act: Callable[..., Refusal | None], *before: object, **named: object) -> Callable[[StrEnum], str | None]:
    """A rule asked about a state that comes last."""
    return lambda state: verdict(lambda: act(*before, state, **named))


@dataclass(frozen=True)
class Machine:
    """A state machine: its states, its acts at the front door, and its table."""

    states: type[StrEnum]
    route: str  # acts are the POSTs below it; empty where acts are not routes
    rule: Mapping[str, Callable[[StrEnum], str | None]]  # act → the refusal in a state
    table: str
    to: Mapping[str, StrEnum] | None = None  # where an act leads, where the rules say so

    def rows(self) -> dict[str, dict[str, str]]:
        head, *lines = [[cell.strip() for cell in line.split("|")] for line in self.table.strip().splitlines()]
        return {line[0]: dict(zip(head[1:], line[1:], strict=True)) for line in lines}


_REPORTED_TRIAL = QuickTerms.model_validate(
    {
        "trial": {"duration": "P6M", "permitted_use": "INTERNAL_TEST"},
        "fee": {"fee_type": "LUMP_SUM", "amount": "20000.00"},
        "license_term_months": 36,
        "deferred_to": DeferralEvent.FIRST_SALE,
    }
)
LICENSES = {
    LicenseState.PENDING_SIGNATURES: Contract(TODAY, TOMORROW, None, sign_by=TODAY),
    LicenseState.NOT_CONCLUDED: Contract(TODAY, TOMORROW, None, sign_by=YESTERDAY),
    LicenseState.SIGNED: Contract(TOMORROW, TOMORROW, TODAY),
    LicenseState.IN_FORCE: Contract(TODAY, TOMORROW, TODAY),
    LicenseState.EXPIRED: Contract(YESTERDAY, YESTERDAY, YESTERDAY),
    LicenseState.TERMINATED: Contract(YESTERDAY, TOMORROW, YESTERDAY, terminated_on=TODAY),
}
OFFERS = {
    OfferState.SENT: Said(Side.LICENSEE, TODAY, is_fixed=False),
    OfferState.EXPIRED: Said(Side.LICENSEE, YESTERDAY, is_fixed=False),
    **{said: Said(Side.LICENSEE, TODAY, is_fixed=False, answer=said) for said in offer.LAST_WORDS},
}


def concluded(act: Callable[[bool], Refusal | None]) -> Callable[[StrEnum], str | None]:
    return lambda state: verdict(act, LICENSES[LicenseState(state)].effective_on is not None)


def sold(state: StrEnum) -> str | None:
    """The first sale is reported after the conversion; the state says whether there was one."""
    has_converted = state in (QuickRequestState.CONVERTED, QuickRequestState.IN_FORCE, QuickRequestState.EXPIRED)
    return verdict(
        quick.first_sale_counts, _REPORTED_TRIAL, TODAY, TODAY if has_converted else None, None, TODAY, TODAY
    )


def answered(state: StrEnum) -> str | None:
    return verdict(offer.is_live, OFFERS[OfferState(state)], TODAY)


MACHINES = {
    # A declaration never changes from its filing on: OL-STATE. A notice under it: OL-NOT-OPEN.
    "declaration 开放许可声明": Machine(
        DeclarationState,
        "/v1/open-license-declarations/{id}",
        {
            **{act.value: of(declaration.act_is_open, act) for act in DeclarationAct},
            "consents/{consent_id}/revocation": of(declaration.act_is_open, DeclarationAct.CONSENT),
            "(notice)": of(declaration.is_open),
        },
        """
                         | consents | consents/{consent_id}/revocation | filing | announcement | non-announcement | withdrawal       | withdrawal-announcement | (notice) | agency-consents
        DRAFT            | ✓        | ✓                                | FILED  | ·            | ·                | ·                | ·                       | ·        | any
        CONSENTED        | ✓        | ✓                                | FILED  | ·            | ·                | ·                | ·                       | ·        | any
        FILED            | ·        | ·                                | ·      | ANNOUNCED    | NOT_ANNOUNCED    | ·                | ·                       | ·        | any
        NOT_ANNOUNCED    | ·        | ·                                | ·      | ·            | ·                | ·                | ·                       | ·        | any
        ANNOUNCED        | ·        | ·                                | ·      | ·            | ·                | WITHDRAWAL_FILED | ·                       | ✓        | any
        WITHDRAWAL_FILED | ·        | ·                                | ·      | ·            | ·                | ·                | WITHDRAWN               | ✓        | any
        WITHDRAWN        | ·        | ·                                | ·      | ·            | ·                | ·                | ·                       | ·        | any
        ENDED            | ·        | ·                                | ·      | ·            | ·                | ·                | ·                       | ·        | any
        """,
        {act.value: state for act, state in declaration.TO.items()},
    ),
    # A notice 书面通知: PAY-OPEN, OL-CANCEL. What came too late is reported too, so that it can be returned. The recordal has
    # its own table below; it needs a license.
    "open-license request 开放许可请求": Machine(
        RequestState,
        "/v1/open-license-requests/{id}",
        {"payments": of(payment.request_takes_money), "cancellation": of(notice.may_cancel)},
        """
                         | payments | cancellation | recordal
        NOTIFIED         | ✓        | ✓            | any
        PAYMENT_REPORTED | ✓        | ·            | any
        EFFECTIVE        | ·        | ·            | any
        PAYMENT_LAPSED   | ✓        | ·            | any
        CANCELLED        | ·        | ·            | any
        EXPIRED          | ·        | ·            | any
        TERMINATED       | ·        | ·            | any
        """,
    ),
    # PAY-STATE. A fact is contested, never a license refused; what is settled may be returned, and stays settled.
    "payment 付款": Machine(
        PaymentState,
        "/v1/payments/{id}",
        {act.value: of(payment.act_is_open, act) for act in PaymentAct},
        """
                     | confirmation | contest | resolution | refunds | withdrawal
        REPORTED     | ✓            | ✓       | ·          | ·       | ✓
        SETTLED      | ·            | ·       | ·          | ✓       | ·
        CONTESTED    | ✓            | ·       | ✓          | ·       | ·
        NOT_RECEIVED | ·            | ·       | ·          | ·       | ·
        WITHDRAWN    | ·            | ·       | ·          | ·       | ·
        """,
    ),
    # INQ-STATE. Messages are still written while a contract waits or runs: only a closed inquiry is silent.
    "inquiry 询盘": Machine(
        InquiryState,
        "/v1/inquiries/{id}",
        {"offers": of(offer.is_open), "messages": of(offer.takes_words), "closing": of(offer.takes_words)},
        """
                       | messages | disclosure | agency-consents | offers | closing
        OPEN           | ✓        | any        | any             | ✓      | ✓
        IN_NEGOTIATION | ✓        | any        | any             | ✓      | ✓
        AGREED         | ✓        | any        | any             | ·      | ✓
        CLOSED         | ·        | any        | any             | ·      | ·
        """,
    ),
    # OFFER-NOT-LIVE (Civil Code Art. 478): what was accepted, rejected, countered, revoked or has lapsed is answered no more.
    "offer 要约": Machine(
        OfferState,
        "/v1/offers/{id}",
        dict.fromkeys(("acceptance", "rejection", "revocation"), answered),
        """
                  | acceptance | rejection | revocation
        SENT      | ✓          | ✓         | ✓
        ACCEPTED  | ·          | ·         | ·
        REJECTED  | ·          | ·         | ·
        COUNTERED | ·          | ·         | ·
        REVOKED   | ·          | ·         | ·
        EXPIRED   | ·          | ·         | ·
        """,
    ),
    # SIGN-STATE, LIC-END, PAY-LICENSE. What was owed under a license that has ended is still paid (Civil Code Art. 567), and
    # its last period still reported. The recordal has its own table below.
    "license 许可合同": Machine(
        LicenseState,
        "/v1/licenses/{id}",
        {
            "signatures": lambda state: verdict(contract.may_sign, state, (), Side.LICENSOR),
            "terminations": of(contract.may_end),
            "payments": concluded(schedule.license_takes_money),
        },
        """
                           | signatures | terminations | payments | royalty-reports | recordals | demands
        PENDING_SIGNATURES | ✓          | ·            | ·        | any             | any       | any
        NOT_CONCLUDED      | ·          | ·            | ·        | any             | any       | any
        SIGNED             | ·          | ✓            | ✓        | any             | any       | any
        IN_FORCE           | ·          | ✓            | ✓        | any             | any       | any
        EXPIRED            | ·          | ·            | ✓        | any             | any       | any
        TERMINATED         | ·          | ·            | ✓        | any             | any       | any
        """,
    ),
    # ROY-STATE. Contested is a report until the next one is sent; whatever was verified stays.
    "royalty report 提成报告": Machine(
        ReportState,
        "/v1/royalty-reports/{id}",
        {act.value: of(royalty.act_is_open, act, is_last=True) for act in ReportAct},
        """
                  | verification | contest
        REPORTED  | ✓            | ✓
        VERIFIED  | ·            | ·
        CONTESTED | ·            | ·
        """,
    ),
    "royalty report 提成报告, once the next was sent": Machine(
        ReportState,
        "/v1/royalty-reports/{id}",
        {act.value: of(royalty.act_is_open, act, is_last=False) for act in ReportAct},
        """
                  | verification | contest
        REPORTED  | ✓            | ·
        VERIFIED  | ·            | ·
        CONTESTED | ·            | ·
        """,
    ),
    # QL-OFFER-STATE, and QL-OPEN for a trial under it. An offer that has ended is not taken up again.
    "quick-license offer 快速许可要约": Machine(
        QuickOfferState,
        "/v1/quick-license-offers/{id}",
        {**{act: of(quick.offer_act_is_open, act) for act in quick.OFFER_FROM}, "(trial)": of(quick.offer_stands)},
        """
               | activation | pause  | resumption | ending | (trial) | agency-consents
        DRAFT  | ACTIVE     | ·      | ·          | ENDED  | ·       | any
        ACTIVE | ·          | PAUSED | ·          | ENDED  | ✓       | any
        PAUSED | ·          | ·      | ACTIVE     | ENDED  | ·       | any
        ENDED  | ·          | ·      | ·          | ·      | ·       | any
        """,
        quick.OFFER_TO,
    ),
    # QL-STATE, QL-SALE. A trial never converts by itself; once it has ended nothing converts it.
    "quick license 快速许可": Machine(
        QuickRequestState,
        "/v1/quick-license-requests/{id}",
        {"conversion": of(quick.trial_runs), "termination": of(quick.trial_runs), "first-sale": sold},
        """
                                 | conversion | first-sale | termination
        TRIAL                    | ✓          | ·          | ✓
        CONVERTED                | ·          | ✓          | ·
        IN_FORCE                 | ·          | ✓          | ·
        ENDED_WITHOUT_CONVERSION | ·          | ·          | ·
        EXPIRED                  | ·          | ✓          | ·
        TERMINATED               | ·          | ·          | ·
        """,
    ),
    # DIST-STATE. What was computed is approved, then paid out; it is withdrawn only while nobody was paid.
    "distribution 收益分配": Machine(
        DistributionState,
        "/v1/distributions/{id}",
        {act.value: of(benefit.act_is_open, act, is_partly_paid=False) for act in DistributionAct},
        """
                  | approval | payouts | withdrawal
        COMPUTED  | ✓        | ·       | ✓
        APPROVED  | ·        | ✓       | ✓
        PAID      | ·        | ·       | ·
        WITHDRAWN | ·        | ·       | ·
        """,
    ),
    "distribution 收益分配, once somebody was paid": Machine(
        DistributionState,
        "/v1/distributions/{id}",
        {act.value: of(benefit.act_is_open, act, is_partly_paid=True) for act in DistributionAct},
        """
                  | approval | payouts | withdrawal
        COMPUTED  | ✓        | ·       | ·
        APPROVED  | ·        | ✓       | ·
        PAID      | ·        | ·       | ·
        WITHDRAWN | ·        | ·       | ·
        """,
    ),
    # REC-STATE. The office decides on what was filed; what it refused is filed again; what is on record is changed or cancelled.
    "recordal 备案": Machine(
        RecordalState,
        "",
        {
            outcome: of(recordal.step_follows, outcome)
            for outcome in ("FILED", "RECORDED", "REFUSED", "CHANGED", "CANCELLED")
        },
        """
                  | FILED | RECORDED | REFUSED | CHANGED | CANCELLED
        NOT_DUE   | ·     | ·        | ·       | ·       | ·
        DUE       | ✓     | ·        | ·       | ·       | ·
        FILED     | ·     | ✓        | ✓       | ·       | ·
        RECORDED  | ·     | ·        | ·       | ✓       | ✓
        REFUSED   | ✓     | ·        | ·       | ·       | ·
        OVERDUE   | ✓     | ·        | ·       | ·       | ·
        CANCELLED | ·     | ·        | ·       | ·       | ·
        """,
    ),
}


@pytest.mark.parametrize("name", MACHINES)
def test_the_table_is_what_the_rules_say(name: str) -> None:
    """OL-STATE, OL-NOT-OPEN, PAY-OPEN, OL-CANCEL, PAY-STATE, INQ-STATE, OFFER-NOT-LIVE, SIGN-STATE, LIC-END, PAY-LICENSE, ..."""
    machine, wrong = MACHINES[name], []
    for state, row in machine.rows().items():
        for act, cell in row.items():
            if cell == "any":
                assert act not in machine.rule, f"a rule decides about {act}"
                continue
            no = machine.rule[act](machine.states(state))
            leads = machine.to.get(act) if machine.to else None
            told = "·" if no else leads.value if leads else "✓"
            if told != cell:
                wrong.append(f"{act} in {state}: the table says {cell}, the rules say {told} ({no})")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", MACHINES)
def test_no_state_and_no_act_is_missing_in_the_table(name: str) -> None:
    machine = MACHINES[name]
    rows = machine.rows()
    assert list(rows) == [state.value for state in machine.states]
    assert {act for row in rows.values() for act in row} >= machine.rule.keys()
    if machine.route:
        root = machine.route + "/"
        posted = {path.removeprefix(root) for method, path in ACCESS["licensing"] if method == "POST" and root in path}
        assert {act for act in next(iter(rows.values())) if not act.startswith("(")} == posted


def test_every_act_at_the_front_door_stands_in_a_table() -> None:
    """What is done to a thing of the deals is a POST below it: below which, is listed here."""
    below = {path.split("{id}")[0] for method, path in ACCESS["licensing"] if method == "POST" and "{id}/" in path}
    below -= {"/v1/settlement-rules/", "/v1/payment-providers/"}  # stand until they are taken back: no states
    assert below == {machine.route.split("{id}")[0] for machine in MACHINES.values() if machine.route}


def test_the_examples_are_in_the_states_that_they_stand_for() -> None:
    assert {state: contract.state_on(one, TODAY) for state, one in LICENSES.items()} == {s: s for s in LicenseState}
    assert {state: offer.state_on(one, TODAY) for state, one in OFFERS.items()} == {s: s for s in OfferState}
