"""The command line and its processes: what a person at a terminal sees, and what survives a kill."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import stat
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pytest

from tests import factories
from tests.e2e.processes import Served, alive, command, environment, free_port, made

STOPPED_S = 5.0


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that the database's own user may walk through."""
    made_ = Path(tempfile.mkdtemp(prefix="duijie-e2e-"))
    made_.chmod(0o755)
    yield made_
    shutil.rmtree(made_, ignore_errors=True)


@pytest.fixture(scope="module")
def process(folder: Path) -> Iterator[Served]:
    """One platform for all tests of this file, on a home with blanks and Chinese in its path."""
    home = folder / "数据 目录" / "家 里"
    home.parent.mkdir(mode=0o755)
    served = Served(home)
    yield served
    served.stop()


@pytest.fixture
def platform(process: Served) -> Served:
    """The platform, running, whatever the test before has done to it."""
    return process.running()


def the_line(stderr: str) -> str:
    """A refusal is one line for the person at the terminal, and nothing else."""
    assert stderr.startswith("duijie: "), stderr
    assert stderr.count("\n") == 1, stderr
    return stderr


# Started


def test_it_is_ready_on_a_home_with_blanks_and_chinese_and_says_how_to_go_on(platform: Served) -> None:
    said = platform.output()
    assert f"http://localhost:{platform.port}" in said
    assert str(platform.home / "demo-clients.json") in said
    assert "Traceback" not in said
    clients = platform.home / "demo-clients.json"
    assert stat.S_IMODE(clients.stat().st_mode) == 0o600
    assert {"operator", "university", "co_owner", "sme"} <= json.loads(clients.read_text(encoding="utf-8")).keys()


def test_a_need_in_plain_words_is_ranked_with_reasons(platform: Served) -> None:
    ranked = command("match", "铝件铣到薄壁的地方老是抖，有振纹", "--limit", "2", env=platform.env)
    assert ranked.returncode == 0, ranked.stderr
    assert ranked.stdout.startswith(" 1. ")
    assert "\n 2. " in ranked.stdout
    assert "（虚构）" in ranked.stdout
    assert "score 0." in ranked.stdout


def test_a_printed_token_opens_the_public_surface(platform: Served) -> None:
    printed = command("token", "university", env=platform.env)
    assert printed.returncode == 0, printed.stderr
    headers = {"Authorization": "Bearer " + printed.stdout.strip()}
    me = httpx.get(platform.url + "/v1/organizations/me", headers=headers)
    assert me.json()["id"] == platform.credentials("university")["organization_id"]

    unknown = command("token", "nobody", env=platform.env)
    assert unknown.returncode == 1
    assert "there is no demo client nobody" in the_line(unknown.stderr)


def test_a_portfolio_is_loaded_and_listed_and_its_bad_rows_are_told(platform: Served, folder: Path) -> None:
    path = folder / "专利 台账.csv"
    good = [f"{factories.application_number()},藤椒烘干床{n},发明,测试大学,2023-02-15,2025-06-10" for n in (1, 2)]
    heads = "申请号,专利名称,专利类型,专利权人,申请日,授权公告日"
    path.write_bytes("\n".join([heads, *good, "202310123456.0,坏的,发明,测试大学,,"]).encode("gb18030"))
    loaded = command("load", str(path), env=platform.env)
    assert loaded.returncode == 1, loaded.stderr  # a row was rejected
    assert "2 created, 0 updated, 0 unchanged, 1 rejected" in loaded.stdout
    assert "listings: 2 published" in loaded.stdout
    assert "row 4, 申请号: PN-CHECK" in loaded.stdout

    path.write_bytes("\n".join([heads, *good]).encode())
    again = command("load", str(path), env=platform.env)
    assert (again.returncode, again.stderr) == (0, "")
    assert "0 created, 0 updated, 2 unchanged, 0 rejected" in again.stdout
    assert "listings: 0 published, 2 listed before" in again.stdout

    picture = folder / "照片.png"
    picture.write_bytes(b"\x89PNG")
    refused = command("load", str(picture), env=platform.env)
    assert refused.returncode == 1
    assert "ends in none of .csv" in the_line(refused.stderr)


@pytest.mark.parametrize(
    ("table", "code", "title"), [("ipc", "A01G99/99", "自编的小组"), ("universities", "4137099999", "测试大学")]
)
def test_an_official_table_is_loaded_once(platform: Served, folder: Path, table: str, code: str, title: str) -> None:
    path = folder / f"{table}.tsv"
    path.write_text(f"code\ttitle\n{code}\t{title}\n", encoding="utf-8")
    loaded = command("reference", "load", table, str(path), env=platform.env)
    assert (loaded.stdout, loaded.stderr) == (f"{table}: 1 created, 0 changed, 0 unchanged\n", "")
    again = command("reference", "load", table, str(path), env=platform.env)
    assert again.stdout == f"{table}: 0 created, 0 changed, 1 unchanged\n"
    if table == "ipc":
        found = httpx.get(platform.url + f"/v1/reference/ipc?prefix={code}").json()["items"]
        assert [row["title"] for row in found] == [title]


def test_the_printed_document_is_the_one_that_is_served(platform: Served, folder: Path) -> None:
    printed = command("openapi", env=environment(folder / "none", 0))
    assert printed.returncode == 0, printed.stderr
    assert json.loads(printed.stdout) == httpx.get(platform.url + "/openapi.json", timeout=30).json()
    assert not (folder / "none").exists()


def test_the_rulebook_is_printed_with_its_sources(folder: Path) -> None:
    printed = command("rules", env=environment(folder / "none", 0))
    assert printed.returncode == 0, printed.stderr
    (pricing,) = [line for line in printed.stdout.splitlines() if line.startswith("FEE-FORM ")]
    assert pricing.split() == ["FEE-FORM", "since", "2021-01-01", "Civil", "Code", "Art.", "846"]


@pytest.mark.slow  # two starts; tests/integration/test_migrations.py does the same in one
def test_the_database_is_migrated_down_and_up_by_command(folder: Path, new_database: Callable[..., str]) -> None:
    url = new_database()
    env = environment(folder / "migrated", 0, DUIJIE_DATABASE_URL=url)
    found = "SELECT to_regclass('matching.need') IS NOT NULL, to_regclass('catalog.patent') IS NOT NULL"
    for arguments, expected in ((("--down", "matching", "base"), (False, True)), ((), (True, True))):
        done = command("migrate", *arguments, env=env)
        assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
        with psycopg.connect(url) as connection:
            assert connection.execute(found).fetchone() == expected


# Refused


def test_a_second_start_on_the_same_home_is_refused(platform: Served) -> None:
    second = command("serve", env=environment(platform.home, free_port()))
    assert second.returncode == 3
    assert f"already runs on {platform.home} (process {platform.pid})" in the_line(second.stderr)
    assert httpx.get(platform.url + "/readyz").status_code == 200


def test_a_taken_port_is_refused_before_anything_is_made(platform: Served, folder: Path) -> None:
    other = folder / "other"
    refused = command("serve", env=environment(other, platform.port))
    assert refused.returncode == 4
    assert f"cannot listen on 127.0.0.1:{platform.port}" in the_line(refused.stderr)
    assert "DUIJIE_PORT" in refused.stderr
    assert not (other / "postgres").exists()


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("DUIJIE_PROT", "8000", "unknown setting DUIJIE_PROT"),
        ("DUIJIE_PORT", "eight", "malformed setting DUIJIE_PORT"),
        ("DUIJIE_MATCHING_RANKINGS_AT_ONCE", "0", "malformed setting DUIJIE_MATCHING_RANKINGS_AT_ONCE"),
        ("DUIJIE_DATABASE_URL", "mysql://root:geheim@db/x", "malformed setting DUIJIE_DATABASE_URL"),
    ],
)
def test_a_setting_that_is_unknown_or_malformed_is_named(folder: Path, setting: str, value: str, said: str) -> None:
    refused = command("serve", env={**environment(folder / "none", free_port()), setting: value})
    assert refused.returncode == 2
    assert said in the_line(refused.stderr)
    assert "geheim" not in refused.stderr


# Ended


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_everything_within_five_seconds(platform: Served, number: signal.Signals) -> None:
    postgres = platform.postgres()
    assert postgres is not None
    assert alive(postgres)
    with httpx.stream("GET", platform.url + "/openapi.json", timeout=30) as answer:  # somebody is connected
        assert answer.status_code == 200
        code, seconds = platform.end(number)
    assert code == 0
    assert seconds < STOPPED_S
    assert not alive(postgres)
    assert platform.postgres() is None
    assert not listens(platform.port)
    assert "stopping" in platform.output()
    assert "Traceback" not in platform.output()


def test_a_database_of_a_newer_postgresql_is_refused_and_left_alone(platform: Served) -> None:
    platform.end()
    version = platform.home / "postgres" / "PG_VERSION"
    before = version.read_text()
    version.write_text("99\n")
    try:
        refused = command("serve", env=platform.env)
    finally:
        version.write_text(before)
    assert refused.returncode == 6
    assert "of PostgreSQL 99" in the_line(refused.stderr)
    assert platform.running().postgres() is not None


def test_what_was_acknowledged_survives_a_kill_in_the_middle_of_writing(platform: Served) -> None:
    acknowledged: list[str] = []
    postgres = platform.postgres()

    def write(name: str) -> None:
        with platform.demo(name) as api:
            while True:
                try:
                    acknowledged.append(made(api, "/v1/needs", factories.a_need())["id"])
                except httpx.TransportError:
                    return

    names = ["sme", "co_owner"]
    writers = [threading.Thread(target=write, args=[name]) for name in names]
    for writer in writers:
        writer.start()
    until = time.monotonic() + 30
    while len(acknowledged) < 40 and time.monotonic() < until:
        time.sleep(0.01)
    platform.end(signal.SIGKILL)
    for writer in writers:
        writer.join(30)
    assert len(acknowledged) >= 40

    platform.running()
    assert postgres is not None
    assert not alive(postgres)  # the orphan was ended before a new server took its data
    kept: set[str] = set()
    for name in names:
        with platform.demo(name) as api:
            after = ""
            while after is not None:
                page = api.get("/v1/needs?limit=100" + (f"&after={after}" if after else "")).json()
                kept |= {need["id"] for need in page["items"]}
                after = page["next"]
    assert set(acknowledged) <= kept


def writers_of(platform: Served) -> list[psutil.Process]:
    """The processes of imports, and their readers of files."""
    found = []
    for child in psutil.Process(platform.pid).children(recursive=True):
        with suppress(psutil.Error):
            if "services.catalog" in " ".join(child.cmdline()):
                found.append(child)
    return found


def test_an_import_whose_process_or_platform_is_killed_goes_on_without_doubles(platform: Served) -> None:
    heads, count = "申请号,专利名称,专利类型,专利权人", 6_000
    numbers = [factories.application_number() for _ in range(count)]
    rows = "\n".join([heads, *(f"{number},断电也不重复的装置,发明,测试大学" for number in numbers)]).encode()
    api = platform.demo("university")
    job = api.post("/v1/patent-imports", files={"file": ("p.csv", rows)}).json()

    def until(is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            now = api.get(f"/v1/patent-imports/{job['id']}").json()
            if is_so(now):
                return now
            time.sleep(0.02)
        raise AssertionError(now)

    until(lambda now: now["done_rows"] > 0)
    doomed = writers_of(platform)
    assert {process.cmdline()[-1] for process in doomed} >= {"services.catalog.workers"}
    for process in doomed:
        process.kill()
    seen = until(lambda now: now["done_rows"] > 0)["done_rows"]
    until(lambda now: now["done_rows"] > seen)
    orphans = writers_of(platform)
    platform.end(signal.SIGKILL)
    psutil.wait_procs(orphans, timeout=20)
    assert not [process.pid for process in orphans if alive(process.pid)]  # they outlive nobody
    platform.running()
    done = until(lambda now: now["state"] in ("DONE", "FAILED"))
    assert (done["state"], done["rows"]["created"], done["rows"]["rejected"]) == ("DONE", count, 0)
    assert api.get("/v1/patents?q=断电也不重复&count=true&limit=1").json()["count"] == count
    api.close()


# The last: it takes away the clients with which the tests above sign in.


def test_the_sample_is_taken_out_for_good_by_command(platform: Served) -> None:
    def shown() -> int:
        return int(httpx.get(platform.url + "/v1/listings?sample=true&count=true").json()["count"])

    before = shown()
    assert before > 200
    removed = command("sample", "remove", env=platform.env)
    assert (removed.returncode, removed.stderr) == (0, "")
    assert removed.stdout.startswith("removed: ")
    assert shown() == 0
    platform.end()
    platform.running()
    assert shown() == 0
