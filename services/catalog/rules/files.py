"""When a file as a whole is not read, or one of its rows."""

from __future__ import annotations

from services.catalog.rules.tables import SINCE, SOURCE
from shared.errors import Text
from shared.rulebook import Refusal, rule

ROWS_MOST = 200_000
COLUMNS_MOST = 1_000
MEGABYTE = 1 << 20
UNPACKED_MOST = 600 * MEGABYTE
RATIO_MOST = 200  # an honest sheet packs to a fiftieth at best
RATIO_FROM = 20 * MEGABYTE


@rule("IM-FILE", source=SOURCE, since=SINCE)
def unreadable(en: str, zh: str, cure: Text) -> Refusal:
    """A file is what its name says, and holds a head and at least one row that can be read."""
    return Refusal("IM-FILE", Text(en, zh), cure)


def no_rows() -> Refusal:
    """For a file in which nothing stands below the head."""
    return unreadable(
        "the file holds no rows",
        "文件中没有数据行",
        Text("it needs a head line and at least one row", "文件需要表头和至少一行数据"),
    )


def too_wide(width: int) -> Refusal:
    """For a table that no person has written."""
    return unreadable(
        f"the table has {width} columns, at most {COLUMNS_MOST} are read",
        f"表格有 {width} 列，最多读取 {COLUMNS_MOST} 列",
        Text("delete the columns that are not needed", "请删除不需要的列"),
    )


@rule("IM-ROWS", source=SOURCE, since=SINCE)
def has_few_enough_rows(count: int) -> Refusal | None:
    """A file has at most 200,000 rows."""
    if count <= ROWS_MOST:
        return None
    return Refusal(
        "IM-ROWS",
        Text(f"the file has more than {ROWS_MOST} rows, the most that are read", f"文件超过 {ROWS_MOST} 行的上限"),
        Text("split it", "请拆分文件"),
    )


@rule("IM-ENCODING", source=SOURCE, since=SINCE)
def no_encoding() -> Refusal:
    """Text is UTF-8, UTF-16 with a byte order mark, or GB 18030 (with GBK in it)."""
    return Refusal(
        "IM-ENCODING",
        Text(
            "the file is not text in UTF-8, in UTF-16 with a byte order mark, or in GB 18030",
            "文件不是 UTF-8、带 BOM 的 UTF-16 或 GB 18030 文本",
        ),
        Text("save it as CSV UTF-8 or as XLSX", "请另存为“CSV UTF-8”或 XLSX"),
    )


@rule("IM-DTD", source=SOURCE, since=SINCE)
def declares_a_type() -> Refusal:
    """XML with a document type or entities of its own is not read: they can reach out, and swell."""
    return Refusal(
        "IM-DTD",
        Text("the XML declares a document type", "XML 含有 DOCTYPE 声明"),
        Text("take the DOCTYPE line out and write entities as characters", "请删除 DOCTYPE 声明，实体请写成字符"),
    )


@rule("IM-BOMB", source=SOURCE, since=SINCE)
def unpacks_to(unpacked: int, packed: int) -> Refusal | None:
    """A workbook unpacks to at most 600 MB, and to at most 200 times its size beyond 20 MB.

    Units: bytes, of all parts of the archive.
    """
    if unpacked <= UNPACKED_MOST and (unpacked <= RATIO_FROM or unpacked <= RATIO_MOST * packed):
        return None
    return Refusal(
        "IM-BOMB",
        Text("the workbook unpacks to far more than a list of patents needs", "工作簿解压后的体积远超一份专利清单所需"),
        Text(
            "copy the rows into a new workbook, or save them as CSV UTF-8",
            "请将数据行复制到新工作簿，或另存为“CSV UTF-8”",
        ),
    )


@rule("IM-LIMIT", source=SOURCE, since=SINCE)
def gave_up(en: str, zh: str) -> Refusal:
    """A file is read within the time and memory that a file of its size may need."""
    return Refusal(
        "IM-LIMIT",
        Text(f"the file could not be read: {en}", f"文件无法读取：{zh}"),
        Text(
            "delete empty formatted rows and columns beyond the table, or save it as CSV UTF-8, or split it",
            "请删除表格之外的空白格式行列，或另存为“CSV UTF-8”，或拆分文件",
        ),
    )
