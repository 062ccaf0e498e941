"""Killed in the middle of a deal, at every sync and at every answer: `make kill-deals`.

An open license runs from its declaration to its recordal over HTTP, against real processes with durable commits, while
strace kills a chosen process at the N-th of its system calls: the database's own process that serves licensing at every
sync of its log and just before every answer, any process of the database, the process of the services. Whatever was
not answered is sent again under its key. Afterwards every act is there exactly once, on the record and on the feed, in
the words in which it was acknowledged.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg

from shared.clock import legal_day
from shared.launcher import EmbeddedPostgres
from tests import factories
from tests.e2e.processes import Served
from tests.load.bench import say

WITHIN_S = 120.0  # for an act, with everything that has to come up again meanwhile
SYNCS, ANSWERS = "fsync,fdatasync", "sendto,sendmsg,write"
Pids = Callable[[], list[int]]


@dataclass
class Place:
    """The platform that is killed, and who deals on it."""

    served: Served
    url: str
    server: EmbeddedPostgres
    people: dict[str, httpx.Client] = field(default_factory=dict)

    def alive(self) -> None:
        self.served.running(within_s=300)
        for name in ("university", "sme", "operator"):
            if name not in self.people:
                self.people[name] = self.served.demo(name)

    def rows(self, statement: str, **values: Any) -> list[Any]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(statement, values).fetchall()

    def backends(self) -> list[int]:
        """The processes of the database that serve licensing."""
        return [
            pid for (pid,) in self.rows("SELECT pid FROM pg_stat_activity WHERE application_name = 'duijie licensing'")
        ]

    def database(self) -> list[int]:
        """The processes of the database, but for the one that starts them anew."""
        main = self.rows("SELECT pg_read_file('postmaster.pid')")[0][0].split()[0]
        return [int(pid) for pid in Path(f"/proc/{main}/task/{main}/children").read_text().split()]

    def services(self) -> list[int]:
        return [self.served.pid]


@dataclass
class Trap:
    """strace on some processes while one act is sent for the first time: to count their calls, or to kill at the N-th."""

    act: int
    pids: Pids
    calls: str
    kill_at: int | None
    trace: Path

    def seen(self) -> str:
        return self.trace.read_text(errors="replace")

    def count(self) -> int:
        """The most of these calls that one process made."""
        calls = [line.split(None, 1)[0] for line in self.seen().splitlines() if "(" in line]
        is_alone = not all(call.isdecimal() for call in calls)  # strace then writes no number before its calls
        return len(calls) if is_alone else max(Counter(calls).values(), default=0)


@dataclass
class Acknowledged:
    """An act that was answered with success: what was sent, and the bytes that came back."""

    who: str
    path: str
    body: dict[str, Any]
    key: str
    answer: bytes


class Journey:
    """From a declaration to a recorded license; `acted` remembers what was acknowledged."""

    def __init__(self, place: Place) -> None:
        self.place, self.acted, self.sent_again = place, list[Acknowledged](), 0
        self.trap: Trap | None = None
        day = legal_day(datetime.now(UTC))
        self.today, self.paid_until = day.isoformat(), (day + timedelta(days=300)).isoformat()

    def act(self, who: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Send an act until it is answered, always under one key."""
        key, until = os.urandom(8).hex(), time.monotonic() + WITHIN_S
        trap, self.trap = (self.trap, None) if self.trap and self.trap.act == len(self.acted) else (None, self.trap)
        while True:
            with contextlib.suppress(httpx.TransportError), traced(trap) if trap else contextlib.nullcontext():
                answer = self.place.people[who].post(path, json=body, headers={"Idempotency-Key": key})
                if answer.status_code < 300:
                    break
                assert answer.status_code in (500, 502, 503, 504), f"{path}: {answer.status_code} {answer.text}"
                assert answer.status_code != 500, f"a kill is an outage, not a bug: {answer.text}"
            trap = None
            assert time.monotonic() < until, f"{path} was never answered"
            self.sent_again += 1
            time.sleep(0.1)
            self.place.alive()
        self.acted.append(Acknowledged(who, path, body, key, answer.content))
        found: dict[str, Any] = answer.json()
        return found

    def prepared(self) -> str:
        """A patent whose status is fresh; nothing is killed yet."""
        holders = [{"name": "示例大学"}]
        patent = self.act("university", "/v1/patents", factories.a_patent(holders=holders))
        detail = {"state": "IN_FORCE", "fees_paid_until": self.paid_until}
        event = {"code": "REGISTER_CHECKED", "occurred_on": self.today, "source": "REGISTER", "detail": detail}
        self.act("operator", f"/v1/patents/{patent['id']}/legal-events", event)
        self.acted.clear()
        self.sent_again = 0
        return str(patent["id"])

    def run(self, patent: str) -> None:
        terms = {
            "patent_id": patent, "fee": {"fee_type": "LUMP_SUM", "amount": "30000.00"}, "license_term_months": 36,
            "payment_method": "一次总付", "calculation_note": "参照同行业中位数", "external_id": f"old {patent}",
        }  # fmt: skip
        declared = self.act("university", "/v1/open-license-declarations", terms)
        root = f"/v1/open-license-declarations/{declared['id']}"
        warned = {"acknowledged_rules": ["OL-TERM-EXPIRY", "OL-FEE-CAP", "CO-SHARES"]}
        self.act("university", f"{root}/filing", {"filed_on": self.today, "signatory": {"name": "校长"}, **warned})
        self.act("operator", f"{root}/announcement", {"announcement_number": "KF1", "announced_on": self.today})
        notice = {"declaration_id": declared["id"], "intended_use": "生产", "external_id": f"olr {patent}"}
        given = self.act("sme", "/v1/open-license-requests", notice)
        at = f"/v1/open-license-requests/{given['id']}"
        paid = {"amount": {"amount": "30000.00"}, "paid_on": self.today, "reference": "1"}
        reported = self.act("sme", f"{at}/payments", paid)
        self.act("university", f"/v1/payments/{reported['id']}/confirmation", {})
        self.act("sme", f"{at}/recordal", {"outcome": "FILED", "on": self.today})

    def record(self, patent: str) -> Counter[str]:
        """What is there of a journey: each act and each word on the feed, without their ids."""
        found = Counter[str]()
        rows, known = self.place.rows, {"patent": patent}
        declared = rows("SELECT id, state FROM licensing.declaration WHERE patent_id = %(patent)s", **known)
        asked = rows("SELECT id FROM licensing.request WHERE patent_id = %(patent)s", **known)
        held = rows(
            "SELECT id, effective_on IS NOT NULL FROM licensing.license WHERE %(patent)s = ANY (patent_ids)", **known
        )
        ids = [row[0] for row in (*declared, *asked, *held)]
        paid = rows("SELECT id, state, fen FROM licensing.payment WHERE request_id = ANY (%(ids)s)", ids=ids)
        ids += [row[0] for row in paid]
        for kind, some in {"declaration": declared, "request": asked, "license": held, "payment": paid}.items():
            found.update(f"{kind} {row[1:]}" for row in some)
        for table, name in {"act": "act", "outbox": "type"}.items():
            said = rows(f"SELECT {name} FROM licensing.{table} WHERE subject = ANY (%(ids)s)", ids=ids)
            found.update(f"{table}: {row[0]}" for row in said)
        cells = rows("SELECT id FROM licensing.scope_cell WHERE holder_id = ANY (%(ids)s)", ids=ids)
        found["scope"] = len(cells)
        return found

    def repeated(self) -> None:
        """Whatever was acknowledged is answered again with the same bytes."""
        for one in self.acted:
            send, until = self.place.people[one.who].post, time.monotonic() + WITHIN_S
            while (again := send(one.path, json=one.body, headers={"Idempotency-Key": one.key})).status_code == 503:
                assert time.monotonic() < until, f"{one.path}: {again.text}"  # a pooled connection that has ended
            assert again.content == one.answer, f"{one.path} was acknowledged with {one.answer!r}, now {again.text}"


@contextlib.contextmanager
def traced(trap: Trap) -> Iterator[None]:
    """Let strace watch: of a process its main thread, which does all the work.

    Asked to follow threads, strace may wait for ever for a process of several that it has killed.
    """
    pids = trap.pids()
    inject = ["-e", f"inject={trap.calls}:signal=SIGKILL:when={trap.kill_at}"] if trap.kill_at else []
    attach = [item for pid in pids for item in ("-p", str(pid))]
    tracer = subprocess.Popen(
        ["strace", "-qq", "-o", str(trap.trace), "-e", f"trace={trap.calls}", *inject, *attach],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for pid in pids:
            until = time.monotonic() + 10
            while (status := _status(pid)) and f"TracerPid:\t{tracer.pid}" not in status:
                assert time.monotonic() < until, "strace cannot attach"
                time.sleep(0.01)
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait()


def _status(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def spread(count: int, most: int) -> list[int]:
    """At most so many of 1 to `count`, evenly."""
    chosen = min(most, count)
    return [1 + step * (count - 1) // max(1, chosen - 1) for step in range(chosen)]


def main() -> None:
    """Kill, look, tell; exits with 1 when anything was lost or doubled."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--points", type=int, default=20, help="of each kind at most; of the syncs all of them")
    parser.add_argument("--kinds", type=int, nargs="*", default=[0, 1, 2], help="0 syncs, 1 answers, 2 the services")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="duijie-kill-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = EmbeddedPostgres(folder / "postgres", durable=True, connections=100)
        url = server.start()
        served = Served(folder / "home", DUIJIE_DATABASE_URL=url)
        place = Place(served, url, server)
        try:
            killed, bad = trials(place, options.points, options.kinds, folder / "trace")
        finally:
            served.stop()
            server.stop()
    say(f"{killed} kill points, {len(bad)} of them with an act lost, doubled or half done")
    sys.exit(bool(bad))


def trials(place: Place, most: int, which: list[int], trace: Path) -> tuple[int, list[str]]:
    """(points at which something was killed, what was wrong after some of them)."""
    place.alive()
    plain = Journey(place)
    patent = plain.prepared()
    plain.run(patent)
    wanted, acts, killed, bad = plain.record(patent), len(plain.acted), 0, list[str]()
    kinds: list[tuple[str, Pids, str, int]] = [
        ("a sync of a process of the database", place.database, SYNCS, 1_000),
        ("an answer of a process of the database", place.backends, ANSWERS, most),
        ("something that the services' process sends", place.services, ANSWERS, most),
    ]
    for name, pids, calls, points in (kinds[at] for at in which):
        found: list[Trap] = []
        for act in range(acts):
            counting = Trap(act, pids, calls, None, trace)
            _run(place, counting)
            found += [Trap(act, pids, calls, number, trace) for number in range(1, counting.count() + 1)]
        chosen, done = [found[at - 1] for at in spread(len(found), points)], 0
        for trap in chosen:
            journey, patent = _run(place, trap)
            done += "SIGKILL" in trap.seen()
            place.alive()
            try:
                journey.repeated()
                there = journey.record(patent)
                assert there == wanted, f"{there - wanted} too much, {wanted - there} missing"
            except AssertionError as error:
                bad.append(f"act {trap.act + 1}, {name}, number {trap.kill_at}: {error}")
                say(bad[-1])
        killed += done
        say(f"killed at {name}: {done} of {len(chosen)} points tried, of {len(found)} in all; {len(bad)} wrong so far")
    return killed, bad


def _run(place: Place, trap: Trap) -> tuple[Journey, str]:
    journey = Journey(place)
    patent = journey.prepared()
    journey.trap = trap
    journey.run(patent)
    return journey, patent


if __name__ == "__main__":
    main()
