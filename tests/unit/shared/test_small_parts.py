"""Language, seal, ids and settings."""

from __future__ import annotations

import time

import pytest

from services.catalog.settings import CatalogSettings
from shared import settings
from shared.context import speak
from shared.errors import Language
from shared.ids import new_id
from shared.seal import Seal
from shared.settings import HostSettings, SettingsRefused


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("zh", "zh"),
        ("ZH-Hans-CN", "zh"),
        ("zh-TW", "zh"),
        ("en-US,en;q=0.9,zh;q=0.8", "en"),
        ("en;q=0.3, zh;q=0.7", "zh"),
        ("fr, zh; q=0.5, en; q=0.1", "zh"),
        ("zh;q=0, en", "en"),
        ("en;q=0,zh;q=0.1", "zh"),
        ("zh, en", "zh"),
        ("en, zh", "en"),
        ("zh;q=nonsense, en;q=0.1", "en"),
        ("zh;q=0.001," + "de," * 10_000, "zh"),
    ],
)
def test_the_reader_is_spoken_to_in_the_language_it_prefers(header: str, language: Language) -> None:
    assert speak(header) == language


def test_a_seal_opens_what_it_closed_and_nothing_else() -> None:
    seal = Seal(b"secret" * 6, "answers")
    closed = seal.close("client_secret=机密".encode())
    assert "机密".encode() not in closed
    assert seal.open(closed) == "client_secret=机密".encode()
    assert Seal(b"secret" * 6, "cursor").open(closed) is None
    assert Seal(b"other!" * 6, "answers").open(closed) is None
    assert {seal.open(closed[:at] + bytes([closed[at] ^ 1]) + closed[at + 1 :]) for at in range(len(closed) - 3)} == {
        None
    }
    assert seal.open(b"") is None


def test_a_mark_holds_for_its_parts_with_their_borders_only() -> None:
    seal = Seal(b"secret" * 6, "fingerprint")
    mark = seal.mark(b"ab", b"c")
    assert seal.agrees(mark, b"ab", b"c")
    assert seal.agrees(mark[:16], b"ab", b"c")
    assert not seal.agrees(mark[:15], b"ab", b"c")
    assert not seal.agrees(b"", b"ab", b"c")
    assert not seal.agrees(mark, b"a", b"bc")
    assert not seal.agrees(mark, b"abc")
    assert not Seal(b"secret" * 6, "cursor").agrees(mark, b"ab", b"c")


def test_ids_rise_with_time_and_never_meet() -> None:
    made: list[str] = []
    while len(made) < 20:
        at = time.time_ns() // 1_000_000
        made.append(new_id("lst"))
        while time.time_ns() // 1_000_000 <= at:
            pass
    assert made == sorted(made)
    crowd = {new_id("lst") for _ in range(10_000)}
    assert len(crowd) == 10_000
    assert all(id_.startswith("lst_") and len(id_) == 30 and id_[4:].isalnum() and id_.islower() for id_ in crowd)


def test_settings_are_read_by_name_and_an_empty_one_counts_as_not_set() -> None:
    environ = {"DUIJIE_PORT": "8123", "DUIJIE_SAMPLE": "0", "DUIJIE_HOST": "", "PATH": "/bin"}
    read = settings.read(HostSettings, environ)
    assert (read.port, read.sample, read.host) == (8123, False, "127.0.0.1")
    with pytest.raises(ValueError):
        read.port = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DUIJIE_PORT", "eighty"),
        ("DUIJIE_PORT", "70000"),
        ("DUIJIE_DATABASE_URL", "mysql://root:hunter2@db/duijie"),
        ("DUIJIE_LOG_LEVEL", "LOUD"),
        ("DUIJIE_SAMPLE", "perhaps"),
    ],
)
def test_a_malformed_setting_is_refused_by_name_without_its_value(name: str, value: str) -> None:
    with pytest.raises(SettingsRefused) as refused:
        settings.read(HostSettings, {name: value})
    assert name in str(refused.value)
    assert value not in str(refused.value)


def test_a_service_reads_settings_of_its_own_name() -> None:
    prefix = "DUIJIE_CATALOG_"
    assert settings.read(CatalogSettings, {"DUIJIE_CATALOG_REVIEW_LISTINGS": "1"}, prefix).review_listings
    with pytest.raises(SettingsRefused, match="DUIJIE_CATALOG_IMPORT_CHUNK_ROWS"):
        settings.read(CatalogSettings, {"DUIJIE_CATALOG_IMPORT_CHUNK_ROWS": "0"}, prefix)


def test_a_setting_nobody_reads_is_refused() -> None:
    known = settings.names(HostSettings)
    assert "DUIJIE_DATABASE_URL" in known
    settings.refuse_unknown({"DUIJIE_PORT": "1", "HOME": "/", "OTHER_PORT": "2"}, known)
    with pytest.raises(SettingsRefused, match="DUIJIE_PROT"):
        settings.refuse_unknown({"DUIJIE_PROT": "8000"}, known)
