"""Would the tests notice? `make mutants` breaks the product in one place at a time, in a copy, and runs the tests concerned.

A mutant is a piece of a file and what stands there instead; a mutant whose piece is no longer there is told and counts
as a failure, so that this list grows old with nobody noticing only for as long as nobody runs it.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.load.bench import say

ROOT = Path(__file__).parents[1]
COPIED = ("shared", "services", "migrations", "tests", "pyproject.toml", "docs", "Makefile", "README.md")
WITHIN_S = 600

RULES, SERVICE = "services/licensing/rules/", "services/licensing/service/"
UNIT, SUMS = "tests/unit/licensing", "tests/property/test_sums.py"
OPEN, TALKS, QUICK, WALK = (f"tests/integration/test_{name}.py" for name in ("open_license", "negotiation", "quick_license", "deals_walk"))  # fmt: skip
MACHINE, FEED, DATABASE = (f"tests/integration/test_{name}.py" for name in ("deals_machine", "feed", "database"))
KEYS = "tests/contract/test_idempotency.py"


@dataclass(frozen=True)
class Mutant:
    """One thing gone wrong."""

    name: str
    file: str
    piece: str
    instead: str
    tests: tuple[str, ...]


MUTANTS = [
    Mutant("money is a float", RULES + "terms.py", "int(Decimal(amount) * 100)", "int(float(amount) * 100)", (SUMS, UNIT)),
    Mutant("half a fen is cut off", RULES + "royalty.py", "to_integral_value(ROUND_HALF_UP)", "__floor__()", (SUMS, UNIT)),
    Mutant("a cap forgets what was paid", RULES + "royalty.py", "rates.cap_fen - royalties_before_fen", "rates.cap_fen", (SUMS, UNIT)),
    Mutant("an item takes more than it is", RULES + "schedule.py", "here = min(rest, item.fen - got[item.id])", "here = rest", (SUMS, UNIT)),
    Mutant("a reported payment counts", RULES + "notice.py", "if payment.state is PaymentState.SETTLED and", "if", (SUMS, UNIT)),
    Mutant("a notice lapses a day early", RULES + "notice.py", "if today > notice.payable_until else", "if today >= notice.payable_until else", (UNIT,)),
    Mutant("an offer lapses on its last day", RULES + "offer.py", "today > offer.valid_until", "today >= offer.valid_until", (UNIT,)),
    Mutant("an offer that binds is revoked", RULES + "offer.py", "if not offer.is_fixed:", "if True:", (UNIT,)),
    Mutant("one consent serves two principals", RULES + "offer.py", "set(consented) >= set(Side)", "consented", (UNIT,)),
    Mutant("a license outlives its patent", RULES + "notice.py", "min(last, expiry)", "last", (UNIT,)),
    Mutant("money counts after the patent's end", RULES + "notice.py", "min(self.payment_due_on, self.patent_until or self.payment_due_on)", "self.payment_due_on", (UNIT,)),
    Mutant("a consent given twice is half taken back", SERVICE + "declarations.py", "table.c.id.in_([one.id for one in said])", "table.c.id == consent", (OPEN + "::test_e5_e6_all_owners_declare_and_withdraw_together",)),
    Mutant("one delegate signs for both sides", SERVICE + "contracts.py", "await agency.against_license(tx, row, by),", "", (TALKS + "::test_one_delegate_does_not_do_the_acts_of_both_sides_under_a_license",)),
    Mutant("a trial converts by itself", RULES + "quick.py", "else _R.ENDED_WITHOUT_CONVERSION", "else _R.IN_FORCE", (UNIT,)),
    Mutant("a filed declaration changes", RULES + "declaration.py", "_A.CONSENT: frozenset({_S.DRAFT, _S.CONSENTED})", "_A.CONSENT: frozenset({_S.DRAFT, _S.CONSENTED, _S.FILED})", (UNIT,)),
    Mutant("a stranger reads a request", SERVICE + "requests.py", "models.request.c.id == id_, self._seen_by(by)", "models.request.c.id == id_", (OPEN + "::test_e1_notice_and_payment_are_the_license_and_nobody_approves_it",)),
    Mutant("the payer confirms its own payment", SERVICE + "payments.py", "if not by.may_touch(seen.payee_id):", "if False:", (OPEN + "::test_e15_payments_are_exact",)),
    Mutant("one owner withdraws for all", SERVICE + "declarations.py", "rules.owners_withdraw_together(parties.owners_not_agreed(others, agreed)),", "", (OPEN + "::test_e5_e6_all_owners_declare_and_withdraw_together",)),
    Mutant("a firm deals with itself", SERVICE + "requests.py", "parties.sides_differ(licensor, holders, party_of(by)),", "", (OPEN + "::test_nobody_is_its_own_licensee_and_sample_stays_apart",)),
    Mutant("a dead patent is licensed", SERVICE + "requests.py", "notice.patent_stands(gone),", "", (OPEN + "::test_no_license_is_taken_under_a_patent_that_has_lapsed",)),
    Mutant("what was paid for is not locked", SERVICE + "payments.py", "select(table).where(table.c.id == id_).with_for_update()", "select(table).where(table.c.id == id_)", (OPEN + "::test_parallel_filings_and_confirmations_have_one_effect",)),
    Mutant("only one side hears of a notice", SERVICE + "requests.py", "for audience in (row.organization_id, row.licensor_id)", "for audience in (row.organization_id,)", (OPEN + "::test_e1_notice_and_payment_are_the_license_and_nobody_approves_it",)),
    Mutant("a payment is confirmed without its key", SERVICE + "payments.py", "await self._acts.claim(tx, now)\n            subject, row = await self._of_payee(tx, id_, by)\n            for no in (\n                rules.is_found", "subject, row = await self._of_payee(tx, id_, by)\n            for no in (\n                rules.is_found", (KEYS,)),
    Mutant("a key serves two requests", "shared/idempotency.py", "if done.fingerprint != command.fingerprint:", "if False:", (KEYS,)),
    Mutant("exclusive beside an open license", SERVICE + "scopes.py", "if type_ is not LicenseType.ORDINARY:\n        live", "if False:\n        live", (TALKS + "::test_e10_between_a_declaration_and_an_exclusive_license_the_first_wins",)),
    Mutant("open beside an exclusive license", SERVICE + "declarations.py", "rules.nothing_sole_is_agreed(await scopes.taken_alone(tx, row.patent_id, today))", "rules.nothing_sole_is_agreed(None)", (TALKS + "::test_e10_between_a_declaration_and_an_exclusive_license_the_first_wins",)),
    Mutant("one signature is enough", SERVICE + "contracts.py", "if signed_by(done) | {side} >= set(Side):", "if signed_by(done) | {side}:", (TALKS + "::test_e19_a_counter_offer_ends_the_offer_and_its_acceptance_is_a_contract_to_be_signed",)),
    Mutant("no constraint on scopes", "migrations/versions/licensing/licensing_0002_negotiated_licenses.py", '(sa.column("claim"), "&&"),', '(sa.column("claim"), "-|-"),', (WALK + "::test_postgresql_itself_keeps_licenses_apart",)),
    Mutant("what was tried and left stays taken", SERVICE + "quick.py", "await scopes.leave_from(tx, license_.id, today)", "", (QUICK,)),
    Mutant("the feed is read by number alone", "migrations/feed.py", "PERFORM pg_advisory_xact_lock(hashtext('duijie feed'), hashtext(TG_TABLE_SCHEMA));", "", (FEED,)),
    Mutant("a consumer's cursor runs ahead", "shared/feed.py", "self._cursor.c.position == seen", "self._cursor.c.position >= 0", (FEED,)),
    Mutant("a transaction says what another left", "shared/db.py", "said = connection.info[_LAST] = []", "said = connection.info.setdefault(_LAST, [])", (DATABASE,)),
    Mutant("the last words come after the commit", "shared/db.py", "await _finish(connection, said)", "await connection.commit(); await _finish(connection, said)", (DATABASE, FEED)),
]  # fmt: skip


def run(folder: Path, tests: tuple[str, ...]) -> tuple[int, str]:
    """(exit code of pytest, its last lines)."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    try:
        ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=WITHIN_S, check=False)
    except subprocess.TimeoutExpired:
        return 1, "did not end"
    return ended.returncode, "\n".join(ended.stdout.splitlines()[-3:])


def caught(folder: Path, mutant: Mutant) -> bool | None:
    """Whether a test failed; None where the piece is not there once, or the tests could not run."""
    path = folder / mutant.file
    whole = path.read_text(encoding="utf-8")
    if whole.count(mutant.piece) != 1:
        return None
    path.write_text(whole.replace(mutant.piece, mutant.instead), encoding="utf-8")
    try:
        for each in mutant.tests:
            code, said = run(folder, (each,))
            if code == 1:
                return True
            if code:
                say(said)
                return None
        return False
    finally:
        path.write_text(whole, encoding="utf-8")


def main() -> None:
    """Break, test, tell; exits with 1 when more than one in twenty went unnoticed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="", help="mutants whose name holds this")
    parser.add_argument("--skip", type=int, default=0, help="so many of them at the beginning")
    parser.add_argument("--unchanged", action="store_true", help="first run the tests on the product as it is")
    options = parser.parse_args()
    chosen = [one for one in MUTANTS if options.only in one.name][options.skip :]
    found: dict[bool | None, list[str]] = {True: [], False: [], None: []}
    with tempfile.TemporaryDirectory(prefix="duijie-mutants-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for each in COPIED:
            source = ROOT / each
            if source.is_dir():
                shutil.copytree(source, folder / each, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, folder / each)
        if options.unchanged:
            code, said = run(folder, tuple(sorted({test for one in chosen for test in one.tests})))
            say(f"unchanged: {said}")
            assert code == 0, "the tests fail on the product as it is"
        for one in chosen:
            started = time.monotonic()
            verdict = caught(folder, one)
            found[verdict].append(one.name)
            word = {True: "caught", False: "SURVIVED", None: "NOT THERE"}[verdict]
            say(f"{word:10}{one.name} ({time.monotonic() - started:.0f} s)")
    say(f"{len(found[True])} of {len(chosen)} caught")
    sys.exit(len(found[True]) * 20 < len(chosen) * 19)


if __name__ == "__main__":
    main()
