"""What the papers say is what the platform says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from services import __main__ as command_line
from services import __version__
from services.catalog.rules.listing import BY_SYSTEM
from services.catalog.rules.screening import A_FROM, B_FROM
from services.catalog.service.sample import entries
from services.catalog.settings import FRESH_DAYS
from services.embedded import (
    PREFIXES,
    CatalogSettings,
    GatewaySettings,
    LicensingSettings,
    MatchingSettings,
    OversightSettings,
)
from services.matching import rules
from services.matching.engine import FIELDS, MIX
from services.matching.engine.documents import TITLE_GRAMS, TITLE_WORDS
from services.matching.engine.index import DEPTH, VOTERS
from services.matching.service.semantic import MIXED
from shared.contracts.catalog import Act
from shared.rulebook import book
from shared.settings import HostSettings, names
from tests.world import World

ROOT = Path(__file__).parents[2]
READMES = ["README.md", "README.zh-CN.md"]
pytestmark = pytest.mark.anyio


def blocks(readme: str) -> dict[str, str]:
    """The tour's commands with the output shown below each."""
    text = (ROOT / readme).read_text(encoding="utf-8")
    found = {}
    for block in re.findall(r"```\n\$ (.+?)```", text, re.DOTALL):
        command, output = [], block.split("\n")
        while True:
            command.append(output.pop(0))
            if not command[-1].endswith("\\"):
                break
        found[" ".join(command)] = "\n".join(output).strip("\n")
    return found


def shown(readme: str, word: str) -> str:
    (output,) = [output for command, output in blocks(readme).items() if word in command]
    return output


@pytest.mark.parametrize("readme", READMES)
async def test_the_tours_need_is_answered_as_shown(readme: str, new_world, capsys) -> None:
    async with new_world() as world:
        sme = await world.demo("sme")
        found = (await sme.post("/v1/match-queries", json={"title": command_line.EXAMPLE, "limit": 2})).json()
    command_line.show_matches(command_line.matches_of(found))
    assert capsys.readouterr().out.strip("\n") == shown(readme, "services match")


@pytest.mark.parametrize("readme", READMES)
async def test_the_tours_portfolio_is_taken_in_as_shown(readme: str, new_world) -> None:
    async with new_world() as world:
        operator = await world.demo("operator")
        content = (ROOT / "docs" / "portfolio.csv").read_bytes()
        job = (
            await operator.post("/v1/patent-imports", files={"file": ("p.csv", content)}, data={"publish": "true"})
        ).json()
        job = await world.import_done(operator, job["id"])
        spoken = {"Accept-Language": "zh" if "zh" in readme else "en"}
        errors = (await operator.read(f"/v1/patent-imports/{job['id']}/errors", headers=spoken))["items"]
    rows, listings = job["rows"], job["listings"]
    lines = [
        f"{rows['total']} rows: {rows['created']} created, {rows['updated']} updated, {rows['unchanged']} unchanged, "
        f"{rows['rejected']} rejected, {rows['warned']} with a warning",
        f"listings: {listings['published']} published, {listings['unchanged']} listed before",
        *(f"  row {e['row']}, {e['column']}: {e['rule']} {e['message']} ({e['cure']})" for e in errors),
    ]
    assert "\n".join(lines) == shown(readme, "services load")


@pytest.mark.parametrize("readme", READMES)
async def test_the_tours_problem_is_answered_as_shown(readme: str, world: World) -> None:
    import json

    (command,) = [command for command in blocks(readme) if "curl" in command]
    body = re.search(r"-d '(.+)'", command)[1]
    university = await world.demo("university")
    answer = await university.post("/v1/patents", json=json.loads(body), headers={"Accept-Language": "zh"})
    assert json.dumps(answer.json(), ensure_ascii=False, indent=4) == shown(readme, "curl")


def test_every_setting_is_documented() -> None:
    text = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    known = names(HostSettings)
    for service, model in (
        ("catalog", CatalogSettings),
        ("matching", MatchingSettings),
        ("licensing", LicensingSettings),
        ("oversight", OversightSettings),
        ("gateway", GatewaySettings),
    ):
        known += names(model, PREFIXES[service])
    assert sorted(set(re.findall(r"`(DUIJIE_[A-Z_]+)`", text)) - {"DUIJIE_HOME"}) == sorted(
        set(known) - {"DUIJIE_HOME"}
    )


def test_the_size_of_the_sample_is_as_said() -> None:
    held = list(entries())
    industries = {entry["key"].rpartition("-")[0] for entry in held}
    for readme in READMES:
        text = (ROOT / readme).read_text(encoding="utf-8")
        assert str(len(held)) in text
        assert str(len(industries)) in text


def test_one_version() -> None:
    assert f'version = "{__version__}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f"[{__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_links_in_the_papers_lead_somewhere() -> None:
    for paper in [
        *READMES,
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "docs/operating.md",
        "docs/matching.md",
        "docs/scale.md",
        "docs/supply.md",
        "docs/imports.md",
        "docs/collections.md",
        "docs/deals.md",
    ]:
        folder = (ROOT / paper).parent
        for link in re.findall(r"\]\(([^)#]+)\)", (ROOT / paper).read_text(encoding="utf-8")):
            assert link.startswith("https://") or (folder / link).exists(), f"{paper}: {link}"


def test_the_paper_on_supply_names_rules_acts_and_thresholds_that_hold() -> None:
    text = (ROOT / "docs" / "supply.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([A-Z]{2,12}-[A-Z-]{2,30})`", text))
    assert named <= book().keys()
    assert {id_ for id_, rule in book().items() if rule.where.startswith("services.catalog.rules.eligibility")} <= named
    assert all(f"`{act}`" in text for act in Act)
    assert all(f"`{reason}`" in text for reason in BY_SYSTEM)
    assert f"Tier A from {A_FROM}, B from {B_FROM}" in text
    assert f"fresh for {FRESH_DAYS} days" in text


def test_the_paper_on_deals_names_every_rule_of_licensing() -> None:
    text = (ROOT / "docs" / "deals.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([A-Z]{2,12}-[A-Z-]{2,30})`", text))
    own = {id_ for id_, entry in book().items() if entry.where.startswith("services.licensing.")}
    assert named - book().keys() == set()
    assert own - named == set()


def test_the_paper_on_matching_names_the_constants_that_hold() -> None:
    text = (ROOT / "docs" / "matching.md").read_text(encoding="utf-8")
    assert f"first {DEPTH}" in text and f"{VOTERS} nearest" in text
    assert f"{MIX.words} × words + {MIX.characters} × characters + {MIX.classes} × class" in text
    assert (
        f"{MIXED.words} words + {MIXED.characters} characters + {MIXED.classes} class + {MIXED.meaning} meaning" in text
    )
    assert f"need's title × {TITLE_WORDS:.0f}" in text and f"need's title × {TITLE_GRAMS:.0f}" in text
    assert f"title × {FIELDS['title']:.0f}, summary × {FIELDS['summary']:.0f}" in text
    assert f"fit {rules.STRONG} and more" in text.replace("0.35", str(rules.STRONG))
    assert f"{rules.JUDGMENTS_LEAST} judgments on {rules.NEEDS_LEAST} needs" in text
