"""One process a service, over the network: the same answers, and one service down is not all down."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests import factories
from tests.e2e.processes import Served, command, environment, made


@pytest.fixture(scope="module")
def split(new_database: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Served]]:
    home, database = tmp_path_factory.mktemp("split") / "home", {"DUIJIE_DATABASE_URL": new_database()}
    catalog = Served(home, "catalog", **database)
    licensing = Served(home, "licensing", **database, DUIJIE_LICENSING_CATALOG_URL=catalog.url)
    oversight = Served(home, "oversight", **database)
    catalog.env |= {"DUIJIE_CATALOG_LICENSING_URL": licensing.url, "DUIJIE_CATALOG_OVERSIGHT_URL": oversight.url}
    matching = Served(home, "matching", **database, DUIJIE_MATCHING_CATALOG_URL=catalog.url)
    urls = {
        "DUIJIE_GATEWAY_CATALOG_URL": catalog.url,
        "DUIJIE_GATEWAY_MATCHING_URL": matching.url,
        "DUIJIE_GATEWAY_LICENSING_URL": licensing.url,
        "DUIJIE_GATEWAY_OVERSIGHT_URL": oversight.url,
    }
    gateway = Served(home, "gateway", **database, **urls)
    licensing.env |= {"DUIJIE_LICENSING_GATEWAY_URL": gateway.url, "DUIJIE_LICENSING_OVERSIGHT_URL": oversight.url}
    oversight.env["DUIJIE_OVERSIGHT_GATEWAY_URL"] = gateway.url
    services = {
        "catalog": catalog, "matching": matching, "licensing": licensing, "oversight": oversight, "gateway": gateway,
    }  # fmt: skip
    for served in services.values():
        served.start()
    try:
        for served in services.values():
            served.until_ready()
        yield services
    finally:
        for served in services.values():
            served.stop()


def test_services_in_processes_of_their_own_answer_together_and_matching_ranks_on_without_catalog(
    split: dict[str, Served],
) -> None:
    gateway = split["gateway"]
    arguments = ("client", "create", "--name", "测试平台", "--uscc", factories.uscc())
    created = command(*arguments, env=environment(gateway.home, 0, **database_of(gateway)))
    assert created.returncode == 0, created.stderr
    operator_client = json.loads(created.stdout)

    with gateway.client(operator_client["client_id"], operator_client["client_secret"]) as operator:
        patent = made(operator, "/v1/patents", factories.a_patent(title="蓝莓园的授粉风送车"))
        listing = made(operator, "/v1/listings", factories.a_listing(patent_ids=[patent["id"]]))
        made(operator, f"/v1/listings/{listing['id']}/submission")
        ask = {"title": "蓝莓授粉", "limit": 5}

        def found() -> list[str]:
            return [item["listing"]["id"] for item in made(operator, "/v1/match-queries", ask)["items"]]

        until = time.monotonic() + 10
        while found() != [listing["id"]]:
            assert time.monotonic() < until
            time.sleep(0.02)
        before = operator.post("/v1/match-queries", json=ask).content

        code, _ = split["catalog"].end()
        assert code == 0
        for path in ("/v1/listings", f"/v1/listings/{listing['id']}", "/v1/patents"):
            down = operator.get(path)
            assert down.status_code == 503
            assert down.headers["content-type"] == "application/problem+json"
            assert down.headers["retry-after"]
        assert operator.get("/readyz").status_code == 503
        assert operator.get("/v1/organizations/me").status_code == 200
        for _ in range(10):  # longer than matching's own retries on the feed
            assert operator.post("/v1/match-queries", json=ask).content == before
            time.sleep(0.3)

        # No answer from catalog means 503 and no half effect for deals too.
        terms = {
            "patent_id": patent["id"], "fee": {"fee_type": "FREE"}, "payment_method": "免费", "license_term_months": 12,
            "calculation_note": "免费许可",
        }  # fmt: skip
        key = {"Idempotency-Key": "declare-1"}
        assert operator.post("/v1/open-license-declarations", json=terms, headers=key).status_code == 503
        assert operator.get("/v1/open-license-declarations?mine=true&count=true").json()["count"] == 0

        split["catalog"].running()
        gateway.until_ready()
        declared = operator.post("/v1/open-license-declarations", json=terms, headers=key)
        assert declared.status_code == 201, declared.text
        assert operator.get(f"/v1/listings/{listing['id']}").json()["state"] == "PUBLISHED"


def database_of(served: Served) -> dict[str, str]:
    return {"DUIJIE_DATABASE_URL": served.env["DUIJIE_DATABASE_URL"]}


def test_a_service_refuses_callers_that_do_not_come_through_the_gateway(split: dict[str, Served]) -> None:
    acts = {"catalog": "/v1/patents", "matching": "/v1/needs", "licensing": "/v1/open-license-declarations"}
    for name, act in acts.items():
        served = split[name].running()
        with httpx.Client(base_url=served.url, timeout=30) as anyone:
            assert anyone.get("/changes").status_code == 404
            assert anyone.post(act, json={}).status_code == 401
