"""Nasty files, each with what must become of it: read by the child as an import would, some over HTTP."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest

from services.catalog.reading.protocol import Order
from services.catalog.service.reader import ROOT
from tests.integration.nasty import NASTY, Nasty
from tests.integration.test_imports import done, upload
from tests.world import World

BASE_KB = 60_000  # an interpreter with our contracts
TEXT_KB, BOOK_KB = 150 << 10, 300 << 10


def parts(said: bytes) -> Iterator[bytes]:
    while said:
        length, _, said = said.partition(b"\n")
        yield said[: int(length)]
        said = said[int(length) :]


def read(content: bytes, form: str, subject: str = "PATENTS") -> tuple[int, list[Any]]:
    """What a child says of a file: its exit code, and its parts."""
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        order = Order(file.fileno(), form, subject, {}, {}, "2026-11-22").to_json().encode()
        command = [sys.executable, "-m", "services.catalog.reading"]
        ended = subprocess.run(
            command, input=order, pass_fds=(file.fileno(),), capture_output=True, cwd=ROOT, timeout=120, check=False
        )
    return ended.returncode, list(parts(ended.stdout))


def outcome(nasty: Nasty) -> tuple[int, set[str], str | None]:
    """Rows taken in, rules that rejected rows, and the rule that refused the whole."""
    code, said = read(nasty.make(), nasty.form)
    if code or not said:
        return 0, set(), "IM-LIMIT"  # killed by its limits: the import says so, see `Reader`
    last = json.loads(said[-1])
    if no := last.get("refused"):
        assert no["message"]["en"] and no["message"]["zh"] and no["cure"]["en"] and no["cure"]["zh"]
        return 0, set(), no["rule"]
    assert last["end"] is True
    assert last["peak_kb"] < BASE_KB + (BOOK_KB if nasty.form in ("xlsx", "xls", "ods") else TEXT_KB)
    rows = [json.loads(line.partition("\t")[0]) for block in said[1:-1] for line in block.decode().split("\n")]
    assert len(rows) == json.loads(said[0])["rows"]
    reasons = [found for row in rows if (found := row.get("reasons") or row.get("lacking"))]  # as for new patents
    assert all(reason["cure"] for found in reasons for reason in found)
    return len(rows) - len(reasons), {reason["rule"] for found in reasons for reason in found}, None


@pytest.mark.parametrize("nasty", NASTY, ids=[nasty.name for nasty in NASTY])
def test_a_nasty_file_ends_as_it_should(nasty: Nasty) -> None:
    assert outcome(nasty) == ((0, set(), nasty.fails) if nasty.fails else (nasty.good, nasty.rules, None))


def test_there_are_many_and_no_two_of_one_name() -> None:
    assert len({nasty.name for nasty in NASTY}) == len(NASTY) > 200
    assert sum(nasty.over_http for nasty in NASTY) >= 25


@pytest.mark.anyio
@pytest.mark.parametrize("nasty", [n for n in NASTY if n.over_http], ids=[n.name for n in NASTY if n.over_http])
async def test_a_nasty_file_over_http_ends_as_a_job_that_says_why(world: World, nasty: Nasty) -> None:
    university = await world.organization()
    job = await done(university, await upload(university, nasty.make(), nasty.file_name, dry_run="true"))
    if nasty.fails:
        assert (job["state"], bool(job["problem"])) == ("FAILED", True)
        return
    assert job["state"] == "DONE", job["problem"]
    rows = job["rows"]
    assert (rows["created"] + rows["unchanged"], rows["rejected"] > 0) == (nasty.good, bool(nasty.rules))
