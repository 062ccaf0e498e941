"""What counts as a word: one cut for index and query."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.matching.engine.text import BOILERPLATE, fold, places, telling, terms


@pytest.mark.parametrize(
    ("traditional", "simplified"),
    [
        ("鋰離子電池負極材料", "锂离子电池负极材料"),
        ("鋁合金薄壁件銑削顫振抑制", "铝合金薄壁件铣削颤振抑制"),
        ("陶瓷燒結爐餘熱回收", "陶瓷烧结炉余热回收"),
        ("電動機軸承潤滑", "电动机轴承润滑"),
        ("紡織品無鹽染色", "纺织品无盐染色"),
    ],
)
def test_traditional_characters_mean_the_simplified(traditional: str, simplified: str) -> None:
    assert terms(traditional) == terms(simplified)
    assert len(terms(simplified)) >= 3


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        ("Ｔｉ－６Ａｌ－４Ｖ", "Ti-6Al-4V"),
        ("ＬｉＦｅＰＯ４电池", "lifepo4电池"),
        ("抗拉强度５００ＭＰａ", "抗拉强度500MPa"),
        ("Ｒａ１．６", "ra1.6"),
        ("㎜", "mm"),
        ("ﾃｽﾄ装置", "テスト装置"),
        ("１０％", "10%"),
    ],
)
def test_full_width_means_ascii_and_case_means_nothing(wide: str, narrow: str) -> None:
    assert terms(wide) == terms(narrow)


@pytest.mark.parametrize(
    "text",
    [
        "一种方法及装置",
        "其特征在于，所述的",
        "本实用新型公开了一种系统，包括",
        "怎么做？",
        "a method and the device",
        "",
        "，。；、!?",
        "———",
    ],
)
def test_words_that_every_patent_holds_do_not_count(text: str) -> None:
    assert terms(text) == Counter()


def test_boilerplate_around_a_technique_changes_nothing() -> None:
    assert terms("一种用于铝合金铣削的颤振抑制方法及其装置") == terms("铝合金铣削颤振抑制")


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("抗拉强度大于500MPa", "500mpa"),
        ("壁厚0.5mm以下", "0.5mm"),
        ("壁厚0.5毫米以下", "0.5mm"),
        ("额定功率3.5kW的电机", "3.5kw"),
        ("10-20nm的颗粒", "10nm 20nm"),
        ("200摄氏度烧结", "200℃"),
        ("25°C", "25℃"),
        ("电压10千伏", "10kv"),
        ("转速3000r/min", "3000rpm"),
        ("表面粗糙度Ra1.6", "ra1.6"),
        ("用TC4钛合金", "tc4"),
        ("Ti-6Al-4V合金", "ti6al4v ti 6al 4v"),
        ("6061-T6铝板", "6061t6 6061 t6"),
        ("6061铝合金", "6061"),
        ("7075铝合金", "7075"),
        ("H13模具钢", "h13"),
        ("Q235B钢板", "q235b 235"),
        ("GCr15轴承", "gcr15"),
        ("Al2O3陶瓷", "al2o3"),
        ("LiFePO4正极", "lifepo4"),
        ("Ca(OH)2乳液", "caoh2"),
        ("型号XJ-200的泵", "xj200 xj 200"),
        ("RS485总线", "rs485 485"),
        ("RS‑485总线", "rs485 rs 485"),
        ("螺栓M8×1.25", "m8×1.25 m8"),
        ("PM2.5过滤", "pm2.5"),
        ("模型比例1:500", "1:500"),
        ("CRISPR-Cas9编辑", "crisprcas9 crispr cas9"),
        ("3D打印", "3d"),
    ],
)
def test_figures_alloys_formulae_and_models_stay_whole(text: str, counted: str) -> None:
    assert [word for word in counted.split() if not terms(text)[word]] == []


@pytest.mark.parametrize("pair", [("0.5mm", "0.5 毫米"), ("RS485", "RS-485"), ("5.0kV", "5千伏"), ("Cas9", "cas‐9")])
def test_spellings_of_one_thing_meet(pair: tuple[str, str]) -> None:
    one, other = map(terms, pair)
    assert one & other


@pytest.mark.parametrize(
    ("text", "none"),
    [("2目标跟踪", "2目"), ("3升降机", "3l"), ("5米粉", "5m"), ("含量5%", "5%"), ("第3步", "3"), ("壁厚0.5mm", "5mm")],
)
def test_what_only_looks_like_a_quantity_is_none(text: str, none: str) -> None:
    assert none not in terms(text)


@pytest.mark.parametrize(
    ("text", "debris"), [("100℃烧结", "c"), ("粒径10µm", "m"), ("粒径10μm", "m"), ("电阻5kΩ", "k"), ("25°C", "c")]
)
def test_a_sign_in_a_unit_does_not_break_it_into_letters(text: str, debris: str) -> None:
    """A lone `c` or `m` would make every temperature resemble every other unit of one letter."""
    assert debris not in terms(text)


def test_a_long_word_counts_together_with_the_words_in_it() -> None:
    assert terms("锂离子") == Counter({"锂离子": 1, "离子": 1})


def test_repeated_words_are_counted() -> None:
    assert terms("铣削铣削，铣削")["铣削"] == 3


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_cut_and_cutting_again_finds_the_same(text: str) -> None:
    cut = terms(text)
    assert cut == terms(text)
    assert not cut.keys() & BOILERPLATE
    assert all(count > 0 and word == word.strip() != "" for word, count in cut.items())


@pytest.mark.parametrize(
    ("text", "words", "found"),
    [
        ("一種鋁合金銑削顫振抑制方法", ["颤振", "铣削", "抑制"], ["銑削", "顫振", "抑制"]),
        ("PLA 与 plate 的 PLA", ["pla"], ["PLA", "PLA"]),
        ("０.５ｍｍ薄壁", ["0.5mm"], ["０.５ｍｍ"]),
        ("锂离子电池", ["离子", "锂离子"], ["锂离子"]),
        ("㎜级", ["mm"], ["㎜"]),
        ("没有", ["颤振"], []),
        ("", ["颤振"], []),
    ],
)
def test_places_are_those_of_the_text_as_it_was_written(text: str, words: list[str], found: list[str]) -> None:
    assert [text[place.start : place.end] for place in places(text, words)] == found


@settings(max_examples=150, deadline=None)
@given(
    st.text(alphabet="铣削颤振AaＡ0.5㎜ 鋁", max_size=40), st.lists(st.sampled_from(["铣削", "颤振", "a", "铝", "0.5"]))
)
def test_places_do_not_overlap_and_hold_what_they_say(text: str, words: list[str]) -> None:
    end = 0
    for place in places(text, words):
        assert place.start >= end and place.word in words
        end = place.end


def test_a_single_character_counts_twice_as_much_as_a_pair() -> None:
    counted = telling({"铣": 1.0, "铣削": 1.0, "削": 3.0})
    assert counted["铣削"] == 1.0
    assert 1 + math.log(counted["铣"]) == pytest.approx(2.0)
    assert 1 + math.log(counted["削"]) == pytest.approx(2 * (1 + math.log(3)))


@given(
    st.text(st.sampled_from("轴承減℃°Cc…Ⅲ，ab1㎜ﬁ\u0301"), max_size=12),
    st.sampled_from(["承", "℃", "c", "1", "mm", "iii", "减"]),
)
def test_places_point_to_what_folds_to_the_word(text: str, word: str) -> None:
    """Signs become longer (…, Ⅲ, ㎜) and shorter (°C) by folding: a place must not slip."""
    for place in places(text, [word]):
        assert word in "".join(map(fold, text[place.start : place.end]))
