"""A need in plain words: what it is led to, and that the tables behind it are sound."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from services.matching.engine import Query, Vocabulary
from services.matching.service.spelling import Spelling
from services.matching.service.vocabulary import shipped

HERE = Path(__file__).parents[3]


def test_a_lay_word_adds_what_patents_call_it_and_says_so() -> None:
    query = Query.of("铣薄壁件老是抖", "", Vocabulary({"抖": ["颤振", "减振"], "铣": ["铣削"]}))
    assert query.through == {"颤振": "抖", "减振": "抖", "铣削": "铣"}
    assert query.counts["颤振"] == Vocabulary.WEIGHT
    assert "薄壁" in query.counts


def test_a_word_that_the_need_says_itself_is_not_added_again() -> None:
    query = Query.of("颤振", "抖", Vocabulary({"抖": ["颤振"]}))
    assert (query.through, query.counts["颤振"]) == ({}, 5.0)


def test_the_longest_lay_word_counts_at_each_place() -> None:
    vocabulary = Vocabulary({"漏": ["密封"], "漏油": ["油封"]})
    assert vocabulary.leads("漏油又漏水") == {"油封": (Vocabulary.WEIGHT, "漏油"), "密封": (Vocabulary.WEIGHT, "漏")}


def test_an_empty_vocabulary_leads_nowhere() -> None:
    assert Vocabulary({}).leads("抖") == {}


@pytest.mark.parametrize(("name", "least"), [("vocabulary", 420), ("class_words", 600)])
def test_the_shipped_tables_are_sound(name: str, least: int) -> None:
    with (HERE / "services" / "matching" / f"{name}.tsv").open(encoding="utf-8") as file:
        rows = list(csv.reader(file, delimiter="\t"))[1:]
    assert len(rows) >= least
    assert len({row[0] for row in rows}) == len(rows)
    for key, words in rows:
        assert key == key.strip() and words.split()
        assert name != "class_words" or re.fullmatch(r"[A-H]\d\d[A-Z]", key)


@pytest.mark.parametrize(
    ("need", "code"),
    [
        ("镗深孔时刀杆打颤，孔壁有波纹", "B23B"),
        ("大棚番茄浇水施肥太费工", "A01G"),
        ("污水氨氮总是超标", "C02F"),
        ("布料染色后掉色", "D06P"),
    ],
)
def test_a_plain_need_leans_to_its_class(need: str, code: str) -> None:
    leaning = shipped().query(need).leaning
    assert code in list(leaning)[:4]
    assert max(leaning.values()) == 1.0


# Mistyped words


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("减诉机漏油", {"减速机": "减诉机"}),
        ("减速机漏油", {}),
        ("齿轮淬打齿", {}),
        ("", {}),
        ("palsma切割", {"plasma": "palsma"}),
    ],
)
def test_what_falls_apart_and_is_near_a_known_word_was_meant(written: str, meant: dict[str, str]) -> None:
    spelling = Spelling({"减速机": 3, "齿轮箱": 5, "plasma": 2})
    assert spelling.meant(written) == meant


def test_of_two_words_that_may_be_meant_the_more_frequent_is() -> None:
    assert Spelling({"减速机": 3, "减振机": 9}).meant("减诉机") == {"减振机": "减诉机"}


def test_a_need_says_through_what_a_mistyped_word_came_in() -> None:
    word = next(word for word in ("变速箱", "离心机", "减速机", "压缩机") if word in shipped()._spelling._known)
    query = shipped().query(f"{word[0]}诉{word[2]}漏油")
    assert query.through[word] == f"{word[0]}诉{word[2]}"


def test_needs_without_mistakes_gain_next_to_nothing() -> None:
    with (HERE / "tests" / "quality" / "plain_needs.tsv").open(encoding="utf-8") as file:
        needs = [row["need"] for row in csv.DictReader(file, delimiter="\t")]
    gained = [word for need in needs for word in shipped()._spelling.meant(need)]
    assert len(gained) <= 0.06 * len(needs)


# The firm's industry


def test_an_industry_leans_to_its_classes_and_an_unknown_one_to_none() -> None:
    bare, farm = (shipped().query("太费人工", "", code).leaning for code in (None, "A01"))
    assert farm["A01G"] > bare.get("A01G", 0.0)
    assert shipped().query("太费人工", "", "A0111").leaning == farm
    assert shipped().query("太费人工", "", "T").leaning == bare
    assert max(farm.values()) == 1.0


def test_the_table_of_industries_is_sound() -> None:
    with (HERE / "services" / "matching" / "industry_classes.tsv").open(encoding="utf-8") as file:
        rows = list(csv.reader(file, delimiter="\t"))[1:]
    with (HERE / "services" / "matching" / "class_words.tsv").open(encoding="utf-8") as file:
        known = {row[0] for row in csv.reader(file, delimiter="\t")}
    assert len(rows) >= 80 and len({row[0] for row in rows}) == len(rows)
    for division, codes in rows:
        assert re.fullmatch(r"[A-T]\d\d", division)
        assert len(codes.split()) == len(set(codes.split())) >= 2
        assert set(codes.split()) <= known, division
