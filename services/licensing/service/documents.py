"""The papers of licenses: the contract that was signed, the certificate of one that nobody signs, the recordal dossier."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row, select

from services.licensing import models
from services.licensing.papers import (
    ContractFacts,
    Language,
    LicenseFacts,
    NoticeFacts,
    PaperParty,
    PaperPatent,
    as_docx,
    as_pdf,
    certificate,
    contract,
    dossier,
    notice,
    registration,
)
from services.licensing.papers.blocks import Paper, Para
from services.licensing.papers.certificate import Announced, QuickFacts, fees
from services.licensing.rules import recordal, terms
from services.licensing.rules.scope import wanted
from services.licensing.service.licenses import (
    TITLES,
    Licenses,
    credit_fen,
    ended_on,
    never_was,
    recordal_state,
    scope_of,
    terms_of,
)
from services.licensing.service.money import kept_fen, money
from services.licensing.service.requests import no_request
from services.licensing.service.targets import Targets
from shared import context
from shared.auth import Caller
from shared.clock import Clock, legal_day
from shared.contracts.benefits import ContractRegistration, RegistrationParty
from shared.contracts.catalog import DealTarget, Fee, Holder, LicenseType
from shared.contracts.gateway import PartyOut
from shared.contracts.licensing import (
    DossierPatent,
    OfferTerms,
    PaymentState,
    QuickTerms,
    RecordalDossier,
    Terms,
)
from shared.contracts.wire import ViolationOut
from shared.db import Database, Tx
from shared.errors import Text

_DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_TO_ADD = (
    Text("addresses and postal codes of both sides", "双方的地址、邮政编码"),
    Text("names and telephone numbers of the contacts", "联系人姓名、电话"),
    Text("the mandate, if an agency files", "委托专利代理机构办理的，须提交委托书"),
)
_REGISTRY_ASKS = (
    Text("the registry of the seller's place, and its number of registration", "卖方所在地技术合同登记机构及登记号"),
    Text("persons in charge and telephone numbers of both sides", "双方法定代表人、项目联系人及电话"),
    Text("the plan that the project belongs to, if any; the field of technology", "项目所属科技计划（如有）、技术领域"),
    Text(
        "what of the amount pays for equipment and materials, if anything does",
        "成交总额中购置设备、材料等非技术性费用（如有）",
    ),
)
File = tuple[bytes, str, str]


class Documents:
    """Use cases on papers."""

    def __init__(self, db: Database, targets: Targets, licenses: Licenses, clock: Clock) -> None:
        self._db, self._targets, self._licenses, self._clock = db, targets, licenses, clock

    async def document(self, id_: str, form: str, language: Language, by: Caller) -> File:
        """The contract of a license, or the certificate of one that nobody signs: (content, media type, file name).

        The Chinese PDF of a contract is the one that was agreed and is signed, to the byte.
        """
        table = models.paper
        async with self._db.read() as tx:
            row = await self._licenses.visible(tx, id_, by, lock=False)
            kept = (await tx.execute(select(table).where(table.c.license_id == row.id))).first()
        if kept is not None and form == "pdf" and language == "zh":
            return bytes(kept.content), "application/pdf", f"{id_}.pdf"
        if kept is not None:
            return await printed(contract(ContractFacts.model_validate(kept.facts)), id_, form, language)
        facts, _ = await self._facts(row)
        return await printed(certificate(facts), id_, form, language)

    async def notice(self, id_: str, form: str, language: Language, by: Caller) -> File:
        """The written notice of a request, as it reached the patentee: (content, media type, file name)."""
        async with self._db.read() as tx:
            known = await tx.scalar(select(models.request.c.id).where(models.request.c.id == id_))
            row, declared = await self._notice(tx, id_) if known else (None, None)
            if (
                row is None
                or declared is None
                or not (by.may_touch(row.organization_id) or by.may_touch(row.licensor_id))
            ):
                raise no_request()
        firm = (await self._targets.parties([row.organization_id]))[row.organization_id]
        said = declared.patent
        facts = NoticeFacts(
            number=id_,
            licensors=[PaperParty(name=one["name"], uscc=one.get("uscc")) for one in said["holders"]],
            licensee=PaperParty(name=firm.name, uscc=firm.uscc),
            patent=PaperPatent(
                title=said["title"],
                number=said["number"],
                patent_type=said["patent_type"],
                filed_on=said.get("filing_date"),
                granted_on=said.get("grant_date"),
                expires_on=declared.expiry_date,
            ),
            announcement_number=declared.announcement_number,
            announced_on=declared.announced_on,
            terms=Terms.model_validate(row.terms),
            terms_hash=row.terms_hash,
            intended_use=row.intended_use,
            delivered_on=legal_day(row.delivered_at),
            due=terms.yuan(row.due_fen),
            payment_due_on=row.payment_due_on,
        )
        return await printed(notice(facts), f"{id_}-notice", form, language)

    async def dossier(self, id_: str, by: Caller) -> RecordalDossier:
        """What the office asks for, and what it would refuse the license for today. Raises: RuleRefused REC-STATE."""
        row = await self._concluded(id_, by)
        facts, asked = await self._facts(row)
        language, found = context.language.get(), [no for one in asked for no in one.violations]
        if no := recordal.license_runs("FILED", legal_day(self._clock.now()), facts.ended_on):
            found = [ViolationOut.model_validate(no.violation().wire(language)), *found]
        scope = scope_of(row)
        async with self._db.read() as tx:
            done = (await models.acts_of(tx, [id_]))[id_]
        root = f"/v1/licenses/{id_}"
        return RecordalDossier(
            license_id=id_,
            license_type=LicenseType(row.license_type),
            licensors=[Holder.model_validate(one) for one in row.licensors],
            licensee_name=facts.licensee.name,
            licensee_uscc=facts.licensee.uscc,
            patents=[dossier_patent(one) for one in asked],
            scope=scope,
            fee=Fee.model_validate(row.terms["fee"]),
            effective_at=row.effective_on,
            recordal_due_on=row.recordal_due_on,
            recordal_state=recordal_state(row, done, legal_day(self._clock.now())),
            is_ready=not found,
            violations=found,
            to_add=[one.zh if language == "zh" else one.en for one in _TO_ADD],
            papers=[f"{root}/document?format=pdf", f"{root}/recordal-dossier?format=pdf"],
        )

    async def dossier_file(self, id_: str, form: str, language: Language, by: Caller) -> File:
        """The dossier on paper."""
        row = await self._concluded(id_, by)
        facts, asked = await self._facts(row)
        points = [Text(no.message, no.message) for one in asked for no in one.violations]
        paper = dossier(facts, LicenseType(row.license_type), [*points, *_TO_ADD])
        return await printed(paper, f"{id_}-recordal", form, language)

    async def registration(self, id_: str, by: Caller) -> ContractRegistration:
        """What a registry of technology contracts asks of a license. Raises: RuleRefused REC-STATE."""
        row = await self._concluded(id_, by)
        facts, asked = await self._facts(row)
        known = await self._targets.parties([row.organization_id, *_organizations(row)])
        language, scope, buyer = context.language.get(), scope_of(row), known.get(row.organization_id)
        amount = None if facts.terms.fee.amount is None else money(terms.fen(facts.terms.fee.amount))
        is_technology_alone = facts.terms.fee.rate is None
        return ContractRegistration(
            license_id=id_,
            contract_name=f"专利实施许可合同（{'、'.join(one.title for one in asked)}）",
            contract_kind="技术许可合同（专利实施许可）",
            license_type=LicenseType(row.license_type),
            sellers=[_seller(one, known) for one in row.licensors],
            buyer=RegistrationParty(
                name=facts.licensee.name,
                uscc=facts.licensee.uscc,
                region_code=buyer.region_code if buyer else None,
                kind=buyer.type if buyer else None,
            ),
            patents=[dossier_patent(one) for one in asked],
            signed_on=row.agreed_on,
            effective_on=row.effective_on,
            ends_on=row.until,
            industry_codes=scope.field_of_use or [],
            contract_amount=amount,
            technology_amount=amount if is_technology_alone else None,
            payment=[
                block.text.zh if language == "zh" else block.text.en for block in fees(facts) if isinstance(block, Para)
            ],
            terms_hash=row.terms_hash,
            document_sha256=row.document_sha256,
            to_add=[one.zh if language == "zh" else one.en for one in _REGISTRY_ASKS],
        )

    async def registration_file(self, id_: str, form: str, language: Language, by: Caller) -> File:
        """The same on paper."""
        return await printed(registration(await self.registration(id_, by)), f"{id_}-registration", form, language)

    async def _concluded(self, id_: str, by: Caller) -> Row[Any]:
        async with self._db.read() as tx:
            row = await self._licenses.visible(tx, id_, by, lock=False)
        if row.effective_on is None:
            raise recordal.nothing_to_record().raised()
        return row

    async def _facts(self, row: Row[Any]) -> tuple[LicenseFacts, list[DealTarget]]:
        """A license as its papers tell of it, and its patents as they stand now."""
        scope = scope_of(row)
        asked = await self._targets.licensed(row.patent_ids, LicenseType(row.license_type), wanted(scope))
        licensee = row.licensee
        if licensee is None:
            party = (await self._targets.parties([row.organization_id]))[row.organization_id]
            licensee = {"name": party.name, "uscc": party.uscc}
        said = terms_of(row)
        known = said.model_dump(include={"fee", "installments", "royalty", "payment_within_days", "clauses"})
        whole = OfferTerms.model_validate({**known, "license_type": row.license_type, "scope": scope})
        today, steps, basis = legal_day(self._clock.now()), list[tuple[date, str, str]](), dict[str, Any]()
        async with self._db.read() as tx:
            done = (await models.acts_of(tx, [row.id]))[row.id]
            paid = (await models.payments_under(tx, [row.id]))[row.id]
            spare = 0
            if ended_on(row, today) is not None or said.fee.rate is None:  # else the next royalty takes it
                spare = credit_fen(row, (await models.dues_of(tx, [row.id]))[row.id], paid, today)
            if isinstance(said, Terms):
                noticed, declared = await self._notice(tx, row.source_id)
                before = (await models.payments_of(tx, [noticed.id]))[noticed.id]
                spare += max(0, sum(map(kept_fen, _settled(before))) - noticed.due_fen)
                paid = [*before, *paid]
                number, on = declared.announcement_number, declared.announced_on
                basis["announced"] = Announced(number=number, on=on, terms=said, is_paid_for=noticed.due_fen > 0)
                day = legal_day(noticed.delivered_at)
                steps.append((day, "written notice delivered to the patentee", "书面通知送达专利权人"))
            elif isinstance(said, QuickTerms):
                table = models.quick_request
                taken = (await tx.execute(select(table).where(table.c.id == row.source_id))).one()
                ends_on, decided_on = taken.trial_ends_on, taken.converted_on
                basis["quick"] = QuickFacts(terms=said, trial_ends_on=ends_on, converted_on=decided_on)
        steps += [(one.on, TITLES[one.act].en, TITLES[one.act].zh) for one in done if one.act in TITLES]
        numbers = [one.detail.get("number") for one in done if one.act in ("recordal_recorded", "recordal_changed")]
        facts = LicenseFacts(
            **basis,
            number=row.id,
            ended_on=ended_on(row, today),
            never_was=never_was(row),
            recordal=recordal_state(row, done, today),
            recordal_number=next((number for number in reversed(numbers) if number), None),
            licensors=[PaperParty(name=one["name"], uscc=one.get("uscc")) for one in row.licensors],
            licensee=PaperParty.model_validate(licensee),
            patents=[paper_patent(one) for one in asked],
            terms=whole,
            terms_hash=row.terms_hash,
            effective_on=row.effective_on,
            recordal_due_on=row.recordal_due_on,
            steps=steps,
            paid=[(one.paid_on, terms.yuan(one.fen), one.reference) for one in _settled(paid)],
            refundable=terms.yuan(spare) if spare else None,
        )
        return facts, asked

    async def _notice(self, tx: Tx, id_: str) -> tuple[Row[Any], Row[Any]]:
        """A request and the declaration under which it was made."""
        request, declaration = models.request, models.declaration
        noticed = (await tx.execute(select(request).where(request.c.id == id_))).one()
        declared = (await tx.execute(select(declaration).where(declaration.c.id == noticed.declaration_id))).one()
        return noticed, declared


def _settled(paid: Sequence[Row[Any]]) -> list[Row[Any]]:
    return [one for one in paid if one.state == PaymentState.SETTLED]


def dossier_patent(one: DealTarget) -> DossierPatent:
    """A patent as a form of an office asks for it."""
    return DossierPatent(
        id=one.patent_id,
        title=one.title,
        number=one.application_number or one.publication_number,
        patent_type=one.patent_type,
        filing_date=one.filing_date,
        grant_date=one.grant_date,
        expiry_date=one.expiry_date,
    )


def _organizations(row: Row[Any]) -> list[str]:
    return [one["organization_id"] for one in row.licensors if one.get("organization_id")]


def _seller(one: dict[str, Any], known: Mapping[str, PartyOut]) -> RegistrationParty:
    party = known.get(one.get("organization_id") or "")
    return RegistrationParty(
        name=one["name"],
        uscc=one.get("uscc") or (party.uscc if party else None),
        region_code=party.region_code if party else None,
        kind=party.type if party else None,
    )


def paper_patent(one: DealTarget) -> PaperPatent:
    """A patent as papers name it."""
    return PaperPatent(
        title=one.title,
        number=one.application_number or one.publication_number,
        patent_type=one.patent_type,
        filed_on=one.filing_date,
        granted_on=one.grant_date,
        expires_on=one.expiry_date,
    )


async def printed(paper: Paper, name: str, form: str, language: Language) -> File:
    """A paper as a file of a form: (content, media type, file name)."""
    end = "" if language == "zh" else "-bilingual"
    if form == "docx":
        return await asyncio.to_thread(as_docx, paper, language), _DOCX, f"{name}{end}.docx"
    return await asyncio.to_thread(as_pdf, paper, language), "application/pdf", f"{name}{end}.pdf"
