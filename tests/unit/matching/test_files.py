"""Rankings on plain files: what is written, what is refused, and what a run is worth."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path
from typing import Any

import pytest

from services.__main__ import main
from services.matching.service import files

CORPUS = [
    {"id": "p1", "title": "一种内置调谐质量块的大长径比减振镗杆", "text": "镗削深孔时抑制颤振。", "ipc": ["B23B29/02"]},
    {"id": "p2", "title": "不锈钢深孔钻削的微量润滑方法", "text": "", "ipc": ["B23Q11/10"], "patent_type": "invention"},
    {"id": "p3", "title": "香菇菌棒的蒸汽灭菌锅", "text": None},
]
QUERIES = [{"id": "q1", "title": "镗深孔时杆子打颤"}, {"id": "q2", "title": "菌棒灭菌费柴火", "text": "想省一点"}]


def written(path: Path, lines: list[Any]) -> Path:
    text = "".join((line if isinstance(line, str) else json.dumps(line, ensure_ascii=False)) + "\n" for line in lines)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def asked(tmp_path: Path) -> list[str]:
    corpus, queries = written(tmp_path / "c.jsonl.gz", CORPUS), written(tmp_path / "q.jsonl", QUERIES)
    return ["rank", "--corpus", str(corpus), "--queries", str(queries), "--out", str(tmp_path / "run.tsv")]


def run_of(tmp_path: Path) -> list[list[str]]:
    return [line.split("\t") for line in (tmp_path / "run.tsv").read_text().splitlines()]


def test_every_query_gets_its_best_documents_with_falling_scores(asked: list[str], tmp_path: Path) -> None:
    assert main([*asked, "--limit", "2"]) == 0
    lines = run_of(tmp_path)
    assert [line[1] for line in lines if line[0] == "q1"] == ["p1", "p2"]
    assert next(line[1] for line in lines if line[0] == "q2") == "p3"
    scores = [float(line[2]) for line in lines if line[0] == "q1"]
    assert scores == sorted(scores, reverse=True) and 0 < scores[-1] < 1


def test_given_pairs_are_scored_in_their_order_and_no_others(asked: list[str], tmp_path: Path) -> None:
    pairs = written(tmp_path / "pairs.tsv", ["query-id\tcorpus-id\tscore", "q1\tp3\t1", "q1\tp1\t4", "q2\tp3\t3"])
    assert main([*asked, "--pairs", str(pairs)]) == 0
    lines = run_of(tmp_path)
    assert [line[:2] for line in lines] == [["q1", "p3"], ["q1", "p1"], ["q2", "p3"]]
    assert float(lines[1][2]) > float(lines[0][2])


@pytest.mark.parametrize(
    ("corpus", "said"),
    [
        (['{"id": "p1"'], "line 1: the line: Invalid JSON"),
        ([CORPUS[0], {"title": "x"}], "line 2: id: Field required"),
        ([CORPUS[0], {"id": "", "title": "x"}], "line 2: id"),
        ([CORPUS[0], CORPUS[1], CORPUS[0]], "line 3: id 'p1' stands in line 1 already"),
        ([{"id": "p1", "title": "x", "text": "长" * (10 << 20)}], "line 1: longer than 1 MB"),
        ([{"id": "p1", "title": 7}], "line 1: title"),
        ([], "holds no document"),
    ],
    ids=["no JSON", "no id", "empty id", "an id twice", "ten megabytes", "a title that is a number", "nothing"],
)
def test_a_corpus_that_cannot_be_read_is_refused_with_its_line(
    asked: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], corpus: list[Any], said: str
) -> None:
    written(tmp_path / "c.jsonl.gz", corpus)
    assert main(asked) == 1
    assert said in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.jsonl.gz", "q.jsonl"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (["--limit", "0"], "--limit is 1 to 500"),
        (["--limit", "10000"], "--limit is 1 to 500"),
        (["--queries", "nowhere.jsonl"], "nowhere.jsonl: No such file"),
        (["--out", "no/such/folder/run.tsv"], "no/such/folder/run.tsv"),
    ],
)
def test_a_wrong_option_is_named(
    asked: list[str], capsys: pytest.CaptureFixture[str], change: list[str], said: str
) -> None:
    assert main([*asked, *change]) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["q1 p1 1"], "line 1: a pair line is"),
        (["q1\tp1\t1", "q1\tp2\tmuch"], "line 2: 'much' is not a number"),
        (["q9\tp1\t1"], "query 'q9' is not among the queries"),
        (["q1\tp9\t1"], "document 'p9' is not in the corpus"),
    ],
)
def test_pairs_that_cannot_be_scored_are_refused(
    asked: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], lines: list[str], said: str
) -> None:
    assert main([*asked, "--pairs", str(written(tmp_path / "pairs.tsv", lines))]) == 1
    assert said in capsys.readouterr().err
    assert not (tmp_path / "run.tsv").exists()


def test_a_file_that_is_not_what_its_name_says_is_refused(asked: list[str], tmp_path: Path) -> None:
    (tmp_path / "c.jsonl.gz").write_bytes(b"no gzip")
    with pytest.raises(files.FileRefused, match="after line 0"):
        list(files._lines(tmp_path / "c.jsonl.gz"))
    (tmp_path / "gb.jsonl").write_bytes("镗杆".encode("gb18030"))
    with pytest.raises(files.FileRefused, match="line 1: not UTF-8"):
        list(files._lines(tmp_path / "gb.jsonl"))


# What a run is worth


def test_the_figures_are_those_of_their_definitions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    qrels = written(tmp_path / "qrels.tsv", ["query\tdoc\tlevel", "a\tx\t4", "a\ty\t1", "a\tz\t3", "b\tx\t2"])
    run = written(tmp_path / "run.tsv", ["a\ty\t0.9", "a\tx\t0.5"])
    quality = files.evaluate(qrels, run)
    ideal = 3 + 2 / math.log2(3)
    assert quality.queries == 1  # b has nothing relevant
    assert math.isclose(quality.ndcg, (0 + 3 / math.log2(3) + 2 / math.log2(4)) / ideal)
    assert math.isclose(quality.map, (1 / 2 + 2 / 3) / 2)
    assert quality.recall == {10: 1.0, 20: 1.0, 100: 1.0}
    assert main(["evaluate", "--qrels", str(qrels), "--run", str(run)]) == 0
    assert capsys.readouterr().out.startswith("needs 1  nDCG@10 0.6")


def test_ties_are_broken_by_id_and_a_missing_pair_counts_as_nothing(tmp_path: Path) -> None:
    qrels = written(tmp_path / "qrels.tsv", ["a\td2\t4", "a\td1\t1"])
    assert files.evaluate(qrels, written(tmp_path / "run.tsv", ["a\td1\t0", "a\td2\t0"])).map == 0.5
    assert files.evaluate(qrels, written(tmp_path / "run.tsv", [])).map == 0.5
    assert files.evaluate(qrels, written(tmp_path / "run.tsv", ["a\td2\t1e-9"])).map == 1.0


@pytest.mark.parametrize(
    ("qrels", "run", "said"),
    [
        (["a\tx\t4"], ["a\tx"], "line 1: a run line is"),
        (["a\tx\t4"], ["a\tx\t1", "a\ty\tnan"], "line 2: the score is not finite"),
        (["a\tx\t4", "a\ty\t-1"], ["a\tx\t1"], "line 2: a level is a whole number"),
        (["a\tx\t2"], ["a\tx\t1"], "no query has a document of level 3"),
    ],
)
def test_judgments_and_runs_that_do_not_parse_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], qrels: list[str], run: list[str], said: str
) -> None:
    judged, ranked = written(tmp_path / "qrels.tsv", qrels), written(tmp_path / "run.tsv", run)
    assert main(["evaluate", "--qrels", str(judged), "--run", str(ranked)]) == 1
    assert said in capsys.readouterr().err


def test_chunks_in_processes_of_their_own_give_the_run_of_one_process(
    asked: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    assert main(asked) == 0
    whole = run_of(tmp_path)
    monkeypatch.setattr(files, "CHUNK", 2)
    monkeypatch.setattr(files, "MANY", 2)
    assert main(asked) == 0
    assert run_of(tmp_path) == whole
    pairs = written(tmp_path / "pairs.tsv", ["q1\tp3\t1", "q1\tp1\t4", "q2\tp3\t3"])
    assert main([*asked, "--pairs", str(pairs)]) == 0
    assert [line[:2] for line in run_of(tmp_path)] == [["q1", "p3"], ["q1", "p1"], ["q2", "p3"]]
    assert main(asked) == 0
    written(tmp_path / "c.jsonl.gz", [*CORPUS, CORPUS[0]])  # in another chunk than the first
    assert main(asked) == 1
    assert "line 4: id 'p1' stands in line 1 already" in capsys.readouterr().err
    assert run_of(tmp_path) == whole
