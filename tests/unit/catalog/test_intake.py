"""From the files of technology transfer offices to patent records."""

from __future__ import annotations

import io
import json
from datetime import date
from typing import Any, BinaryIO

import pytest

from services.catalog.reading.__main__ import reader_of
from services.catalog.reading.files import ABSENT, Line, Source, counted
from services.catalog.rules import files, tables
from services.catalog.rules.intake import HEADS, Row, first_row_counts, granted, has_a_number, read_row
from shared.contracts.catalog import PatentDraft
from shared.contracts.values import PatentType
from shared.rulebook import Refusal, Refused
from tests import factories
from tests.unit.verdicts import verdict

REGIONS = {"山东省": "37", "济南市": "3701"}


def opened(content: bytes | str, form: str = "csv", mapping: dict[str, str] | None = None) -> Source:
    """A file whose head is known and which has rows. Raises: Refused."""
    file: BinaryIO = io.BytesIO(content.encode() if isinstance(content, str) else content)
    source = reader_of(form)(file, HEADS, mapping or {})
    counted(source)
    if no := tables.head_is_known(source.heads(), mapping or {}, HEADS):
        raise Refused(no)
    return source


def columns(heads: list[str], mapping: dict[str, str]) -> dict[str, str]:
    return tables.columns(heads, mapping, HEADS)


def named(line: Line, heads: list[str]) -> dict[str, Any]:
    return {head: cell for head, cell in zip(heads, line.cells, strict=False) if head and cell is not ABSENT}


def rows(content: bytes | str, form: str = "csv", mapping: dict[str, str] | None = None) -> list[Row | Refusal]:
    """A whole file as an import reads it."""
    source = opened(content, form, mapping)
    heads = source.heads()
    field_of = columns([head for head in heads if head], mapping or {})
    return [line.refusal or read_row(line.number, named(line, heads), field_of, REGIONS) for line in source.lines()]


def only(content: bytes | str, form: str = "csv") -> Row:
    (row,) = rows(content, form)
    assert isinstance(row, Row)
    return row


def reasons(row: Row) -> set[tuple[str | None, str]]:
    return {(cell.column, cell.refusal.rule) for cell in (*row.reasons, *row.lacking)}


def of(**facts: Any) -> Row:
    """A row with English heads, valid but for what is named; None leaves a field out."""
    plain = {
        "application_number": "202310123456.6",
        "patent_type": "INVENTION",
        "title": "一种薄壁件铣削的随动支撑方法",
        "holders": "测试大学",
        **facts,
    }
    return only(json.dumps({name: value for name, value in plain.items() if value is not None}), "ndjson")


CHINESE = """\
专利号,专利名称,专利类型,申请日,授权公告号,授权公告日,专利权人,发明人,IPC主分类号,申请人所在省,申请人所在市,备注
ZL202310123456.6,一种薄壁件铣削的随动支撑方法,发明,2023年2月15日,CN116000001B,2025.6.10,测试大学；测试公司,张三、李四,B23Q 11/00,山东省,济南市,无
"""


@pytest.mark.parametrize(
    "content",
    [
        CHINESE.encode(),
        CHINESE.encode("utf-8-sig"),
        CHINESE.encode("gbk"),
        CHINESE.encode("gb18030"),
        CHINESE.encode("utf-16"),
        b"\xfe\xff" + CHINESE.encode("utf-16-be"),
        CHINESE.replace(",", "|").encode(),
        CHINESE.replace("\n", "\r\n").encode(),
        CHINESE.replace("\n", "\r").encode(),
        CHINESE.replace(",", ";").encode(),
        CHINESE.replace(",", "\t").encode("gbk"),
        ("\n" + CHINESE + "\n,,,\n\n").encode(),
        '"' + CHINESE.strip().replace(",", '","').replace("\n", '"\n"') + '"',
    ],
    ids=[
        "utf-8",
        "bom",
        "gbk",
        "gb18030",
        "utf-16",
        "utf-16-be",
        "bars",
        "crlf",
        "cr",
        "semicolons",
        "tabs",
        "blank lines",
        "quoted",
    ],
)
def test_a_chinese_table_is_read_however_it_was_saved(content: bytes | str) -> None:
    row = only(content)
    assert row.reasons == row.warnings == []
    draft = row.draft
    assert draft.application_number == "202310123456.6"
    assert draft.publication_number == "CN116000001B"
    assert draft.title == "一种薄壁件铣削的随动支撑方法"
    assert draft.patent_type is PatentType.INVENTION
    assert (str(draft.filing_date), str(draft.grant_date)) == ("2023-02-15", "2025-06-10")
    assert [holder.name for holder in draft.holders] == ["测试大学", "测试公司"]
    assert [inventor.name for inventor in draft.inventors] == ["张三", "李四"]
    assert (draft.ipc, draft.region_code) == (["B23Q11/00"], "3701")
    assert row.present >= {"application_number", "holders"}
    assert "abstract" not in row.present


def test_lines_that_end_in_a_carriage_return_do_not_hide_the_separator() -> None:
    content = "申请号,名称,专利权人,发明人\r202310123456.6,甲,大学,张;王;李;赵;钱;孙;周;吴;郑\r"
    assert [inventor.name for inventor in only(content).draft.inventors] == [
        "张",
        "王",
        "李",
        "赵",
        "钱",
        "孙",
        "周",
        "吴",
        "郑",
    ]


def test_json_and_lines_of_json_say_the_same_as_csv() -> None:
    plain = factories.a_patent(application_number="202310123456.6", holders=[{"name": "甲", "uscc": None}])
    plain["inventors"] = ["张三"]
    array, lines = only(json.dumps([plain]), "json"), only("\n" + json.dumps(plain) + "\n\n", "ndjson")
    assert array == only(json.dumps(plain), "json")
    assert (array.draft, array.present) == (lines.draft, lines.present)
    assert (array.number, lines.number) == (1, 2)  # which record, and on which line
    assert array.draft.holders[0].name == "甲"
    assert str(array.draft.filing_date) == "2023-02-15"


@pytest.mark.parametrize(
    ("content", "form"),
    [
        ("", "csv"),
        (" \n\n", "csv"),
        ("申请号,名称\n", "csv"),
        ('申请号,名称\n1,"未闭合\n2,乙\n', "csv"),
        ("", "json"),
        ("[]", "json"),
        ("[{]", "json"),
        ("[" * 100_000, "json"),
        ("", "ndjson"),
        ("\n\n", "ndjson"),
    ],
)
def test_a_file_without_rows_is_refused_as_a_whole(content: str, form: str) -> None:
    assert verdict(opened, content, form) == "IM-FILE"


@pytest.mark.parametrize(
    "content", [CHINESE.encode("utf-16-le"), b"\xff\xff\xff", b"PK\x03\x04\x00\x00", "名称\0".encode()]
)
def test_a_file_that_is_no_text_is_refused(content: bytes) -> None:
    assert verdict(opened, content) == "IM-ENCODING"
    assert verdict(opened, CHINESE.encode("gbk")) is None


def test_a_doubled_head_is_refused() -> None:
    assert verdict(opened, "名称,申请号,名称\n甲,1,乙\n") == "IM-HEAD"
    assert verdict(opened, "名称,,申请号,备注,备注\n甲,,1,,\n") is None


def test_a_file_has_at_most_two_hundred_thousand_rows() -> None:
    one = b'{"title":1},'
    assert verdict(opened, b"[" + one * 200_000 + one[:-1] + b"]", "json") == "IM-ROWS"
    assert counted(opened(b"[" + one * 199_999 + one[:-1] + b"]", "json")) == 200_000
    assert verdict(opened, "名称\n" + "甲\n" * 200_001) == "IM-ROWS"
    assert files.has_few_enough_rows(200_000) is None


def test_a_file_whose_heads_nobody_knows_is_refused() -> None:
    assert verdict(opened, "甲,乙\n1,2\n") == "IM-HEAD"
    assert verdict(opened, '[{"x": 1}]', "json") == "IM-HEAD"
    assert verdict(opened, '[{"title": NaN}]', "json") == "IM-HEAD"
    assert verdict(opened, "甲,乙\n1,2\n", "csv", {"甲": "title"}) is None


def test_titles_above_the_head_are_passed_over_and_rows_keep_the_numbers_that_the_file_shows() -> None:
    content = '某大学专利清单,,\n\n2026年,,\n申请号,名称,专利权人\n202310123456.6,"两\n行",大学\n\nx,乙,大学\n'
    first, second = rows(content)
    assert (first.number, first.reasons, second.number) == (5, [], 8)


def test_a_later_row_about_the_same_patent_is_passed_over_with_a_warning() -> None:
    assert verdict(first_row_counts, 3) == "IM-AGAIN"
    assert first_row_counts(3).severity == "WARN"


@pytest.mark.parametrize(
    "lost", [202310123456.0, 202310123456, 88201465.0, "2.02310123456E+11", "2.0231E11", "2E+11", "２.02E+11"]
)
def test_a_number_that_a_spreadsheet_took_for_an_amount_is_not_guessed(lost: Any) -> None:
    assert verdict(tables.number_is_whole, lost) == "IM-NUMBER"
    assert reasons(of(application_number=lost)) == {("application_number", "IM-NUMBER")}


@pytest.mark.parametrize("kept", [202310123456.6, "2023101234566", 2023101234566, "202310123456.6", "", None])
def test_a_number_that_kept_its_check_digit_is_taken(kept: Any) -> None:
    assert tables.number_is_whole(kept) is None
    if kept:
        assert of(application_number=kept).draft.application_number == "202310123456.6"


@pytest.mark.parametrize("written", ["=1+1", "+x", "-甲", "@x", "'=1", "''-", "\t甲", "甲", "'甲", "2-1", ""])
def test_a_text_that_a_spreadsheet_would_compute_goes_out_and_comes_in_unchanged(written: str) -> None:
    out = tables.guarded(written)
    assert not out.startswith(("=", "+", "-", "@", "\t"))
    assert tables.bare(out) == written


@pytest.mark.parametrize("names", [["甲大学"], ["甲；乙公司", "丙"], ["[甲]"], ["A、B", "C|D"], []])
def test_several_in_one_cell_are_read_as_they_were_written(names: list[str]) -> None:
    assert tables.many(tables.joined(names)) == names


@pytest.mark.parametrize("cell", [date(2023, 2, 15), "2023-02-15 00:00:00", "20230215", "2023年2月15日"])
def test_a_day_is_read_as_cell_and_as_text(cell: Any) -> None:
    assert tables.day(cell) == date(2023, 2, 15)


@pytest.mark.parametrize("cell", [44972, 44972.0, "15.2.2023"])
def test_a_number_of_days_is_not_taken_for_a_day(cell: Any) -> None:
    assert verdict(tables.day, cell) == "DATE-FORM"


def test_a_workbook_that_swells_is_refused_by_its_sizes() -> None:
    mega = files.MEGABYTE
    assert verdict(files.unpacks_to, 601 * mega, 64 * mega) == "IM-BOMB"
    assert verdict(files.unpacks_to, 50 * mega, 100_000) == "IM-BOMB"
    assert files.unpacks_to(19 * mega, 10_000) is None
    assert files.unpacks_to(150 * mega, 26 * mega) is None


def test_files_that_are_no_use_are_refused_with_a_cure() -> None:
    assert verdict(files.no_encoding) == "IM-ENCODING"
    assert verdict(files.declares_a_type) == "IM-DTD"
    assert verdict(files.gave_up, "x", "x") == "IM-LIMIT"
    assert verdict(files.too_wide, 2_000) == "IM-FILE"
    assert tables.ill_formed("title", "empty").rule == "IM-CELL"


def test_a_line_that_cannot_be_read_does_not_stop_the_others() -> None:
    content = "title,patent_type,application_number,holders\n甲,发明,202310123456.6\n乙,发明,1,大学,多\n丙,发明,202310123456.6,大学,,\n"
    short, long, padded = rows(content)
    assert reasons(short) == {("holders", "IM-CELL")}
    assert isinstance(long, Refusal)
    assert long.rule == "IM-FILE"
    assert padded.reasons == []
    good, bad, number = opened(b'{"title": "a"}\n{"title"\n5\n', "ndjson").lines()
    assert list(good.cells) == ["a"]
    assert {bad.refusal.rule, number.refusal.rule} == {"IM-FILE"}
    assert "line 2" in bad.refusal.message.en


def test_cells_hold_separators_and_line_ends_in_quotation_marks() -> None:
    content = '名称,摘要,申请号,专利权人\n"甲,乙","第一行\n第二行 ""引号""",202310123456.6,大学\n'
    draft = only(content).draft
    assert (draft.title, draft.abstract) == ("甲,乙", '第一行\n第二行 "引号"')


def test_heads_are_known_in_any_usual_spelling_and_others_left_alone() -> None:
    heads = [
        "Application No",
        "公开（公告）日",
        "公开(公告)号",
        "申请（专利权）人",
        " TITLE ",
        "IPC分类号",
        "价格",
        "发明（设计）人",
    ]
    assert columns(heads, {}) == {
        "Application No": "application_number",
        "公开（公告）日": "publication_date",
        "公开(公告)号": "publication_number",
        "申请（专利权）人": "holders",
        " TITLE ": "title",
        "IPC分类号": "ipc",
        "发明（设计）人": "inventors",
    }


def test_two_columns_for_one_field_are_refused_until_the_mapping_says_which_counts() -> None:
    assert verdict(columns, ["申请号", "专利号"], {}) == "IM-COLUMN"
    assert verdict(columns, ["a", "b"], {"a": "title", "b": "title"}) == "IM-COLUMN"
    assert verdict(columns, ["申请号"], {"申请号": "number"}) == "IM-COLUMN"
    assert columns(["编码", "名称"], {"编码": "application_number"}) == {"编码": "application_number", "名称": "title"}
    assert columns(["申请号", "专利号"], {"专利号": "application_number"}) == {"专利号": "application_number"}


def test_all_reasons_of_a_row_stand_in_one_list() -> None:
    row = of(application_number="202310123456.X", title="", ipc="B23Q11/00;ZZZ", region_code="370")
    assert row.draft is None
    assert reasons(row) == {
        ("application_number", "PN-CHECK"),
        ("title", "IM-CELL"),
        ("ipc", "IPC-FORM"),
        ("region_code", "REGION-CODE"),
    }


def test_a_day_that_cannot_be_read_hides_no_other_reason() -> None:
    assert reasons(of(filing_date="31.12.2023", application_number="202310123456.X")) == {
        ("filing_date", "DATE-FORM"),
        ("application_number", "PN-CHECK"),
    }


def test_contradictions_of_a_row_are_reasons_too() -> None:
    row = of(filing_date="2023-02-15", grant_date="2022-01-01", patent_type="实用新型")
    assert reasons(row) == {("grant_date", "GRANT-DATE"), ("patent_type", "PN-TYPE")}


@pytest.mark.parametrize(
    ("facts", "column"),
    [
        ({"title": None}, "title"),
        ({"title": ["甲"]}, "title"),
        ({"title": True}, "title"),
        ({"title": "长" * 501}, "title"),
        ({"holders": ""}, "holders"),
        ({"holders": None}, "holders"),
        ({"patent_type": "商标"}, "patent_type"),
        ({"inventors": "、".join(f"人{n}" for n in range(101))}, "inventors"),
        ({"abstract": "\u0001"}, "abstract"),
    ],
)
def test_a_cell_holds_what_its_column_is_for(facts: dict[str, Any], column: str) -> None:
    assert reasons(of(**facts)) == {(column, "IM-CELL")}
    assert of().reasons == []


def test_the_word_for_the_type_yields_to_the_kind_letter() -> None:
    row = of(application_number=None, publication_number="CN209091743U", patent_type="发明")
    assert row.draft.patent_type is PatentType.UTILITY_MODEL
    assert [(cell.column, cell.refusal.rule, cell.refusal.severity) for cell in row.warnings] == [
        ("patent_type", "PN-KIND", "WARN")
    ]
    assert of(application_number=None, publication_number="CN209091743U", patent_type="实用新型").warnings == []


def test_a_filing_date_after_the_numbers_year_is_a_warning_on_a_good_row() -> None:
    row = of(filing_date="2024-01-02")
    assert row.draft is not None
    assert row.reasons == []
    assert [(cell.column, cell.refusal.rule) for cell in row.warnings] == [("filing_date", "FILING-YEAR")]
    assert of(filing_date="2023-12-31").warnings == []


def test_a_row_needs_one_of_the_two_numbers() -> None:
    assert reasons(of(application_number=None)) == {("application_number", "PN-MISSING")}
    assert of(application_number=None, publication_number="CN116000001B").reasons == []
    draft = PatentDraft.model_validate(factories.a_patent(application_number=None))
    assert verdict(has_a_number, draft) == "PN-MISSING"
    assert verdict(has_a_number, draft.model_copy(update={"publication_number": "CN116000001B"})) is None


@pytest.mark.parametrize(
    ("number", "day", "grant"),
    [
        ("CN116000001B", "2025-06-10", "2025-06-10"),
        ("cn 116000001 b", "20250610", "2025-06-10"),
        ("CN116000001A", "2024-06-10", "None"),
        (None, "2024-06-10", "None"),
    ],
)
def test_the_day_of_a_granted_publication_is_the_day_of_grant(number: str | None, day: str, grant: str) -> None:
    row = of(publication_number=number, publication_date=day)
    assert row.reasons == []
    assert str(row.draft.grant_date) == grant
    assert granted(row.draft.publication_number, row.draft.grant_date is not None) is (grant != "None")


def test_a_grant_shows_in_its_date_or_in_the_kind_of_its_publication() -> None:
    assert granted("CN209091743U", False)
    assert granted("CN116000001A", True)
    assert granted(None, True)
    assert not granted("CN116000001A", False)
    assert not granted(None, False)


@pytest.mark.parametrize(
    ("number", "patent_type"),
    [
        ("ZL202220123456.7", PatentType.UTILITY_MODEL),
        ("202130234567.6", PatentType.DESIGN),
        ("202180012345.7", PatentType.INVENTION),
        ("202210100008.x", PatentType.INVENTION),
        ("88201465.X", PatentType.UTILITY_MODEL),
    ],
)
def test_the_number_tells_the_type_where_no_column_does(number: str, patent_type: PatentType) -> None:
    assert of(application_number=number, patent_type=None).draft.patent_type is patent_type


def test_a_named_region_fills_the_code_that_is_missing() -> None:
    assert of(province="山东省", city="济南市").draft.region_code == "3701"
    assert of(province="山东省", city="无此市").draft.region_code == "37"
    assert of(province="山东省", region_code="410000").draft.region_code == "41"
    assert of(city="无此市").draft.region_code is None


def test_a_holder_of_a_json_row_keeps_share_and_credit_code() -> None:
    holders = [{"name": "甲", "share": "60", "uscc": "123700004950A0014K"}, {"name": "乙", "share": "40"}]
    assert [holder.share for holder in of(holders=holders).draft.holders] == ["60", "40"]
    assert reasons(of(holders=[{"name": "甲", "share": "60"}, {"name": "乙", "share": "60"}])) == {
        (None, "HOLDER-SHARES")
    }
