"""Papers as PDF/A and DOCX: equal papers give equal bytes, and nobody's text is taken for markup."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from pathlib import Path
from threading import Lock
from typing import Any, Literal

import docx
import pylopdf_fonts_zh_cn as fonts
import typst
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml.ns import qn
from docx.shared import Pt

from services.licensing.papers.blocks import Heading, Paper, Para, Rows
from shared.errors import Text

Language = Literal["zh", "bilingual"]
_EPOCH = datetime(1985, 4, 1, tzinfo=UTC)  # a date inside the file would make equal papers differ
_FONT = "宋体"  # what a Chinese word processor has
_printing = Lock()


def as_pdf(paper: Paper, language: Language = "zh") -> bytes:
    """A paper as PDF/A-2b, with its fonts inside; about 30 ms once the fonts are loaded."""
    data = json.dumps(_plain(paper, language), ensure_ascii=False)
    with _printing:
        made = _compiler().compile(
            format="pdf", sys_inputs={"paper": data}, pdf_standards=["a-2b"], timestamp=int(_EPOCH.timestamp())
        )
    assert isinstance(made, bytes)
    return made


@cache
def _compiler() -> typst.Compiler:
    template = Path(str(resources.files(__package__) / "paper.typ"))  # given as bytes it is lost after some calls
    found = typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=False, font_paths=[fonts.serif_path().parent]
    )
    return typst.Compiler(input=template, root=template.parent, font_paths=found, ignore_system_fonts=True)


def _plain(paper: Paper, language: Language) -> dict[str, Any]:
    """A paper as the template reads it: every text a list of lines, Chinese first."""

    def said(text: Text) -> list[str]:
        return [text.zh, text.en] if language == "bilingual" and text.en != text.zh else [text.zh]

    def blocks() -> Iterator[dict[str, Any]]:
        for block in paper.blocks:
            if isinstance(block, Heading):
                yield {"kind": "heading", "text": said(block.text)}
            elif isinstance(block, Para):
                yield {"kind": "para", "text": said(block.text)}
            elif isinstance(block, Rows):
                yield {
                    "kind": "rows",
                    "heads": [said(head) for head in block.heads],
                    "rows": [
                        [one if isinstance(one, str) else " / ".join(said(one)) for one in row] for row in block.rows
                    ],
                }
            else:
                yield {"kind": "signatures", "sides": [said(side) for side in block.sides]}

    return {
        "title": said(paper.title), "number": paper.number, "numbered": paper.numbered, "blocks": list(blocks())
    }  # fmt: skip


def as_docx(paper: Paper, language: Language = "zh") -> bytes:
    """The same as an editable file, for whoever wants to negotiate over it."""
    plain, made = _plain(paper, language), docx.Document()
    style = made.styles["Normal"]
    style.font.name, style.font.size = "Times New Roman", Pt(11)
    style.element.rPr.rFonts.set(qn("w:eastAsia"), _FONT)
    for line in plain["title"]:
        title = made.add_paragraph()
        title.alignment = WD_ALIGN_PARAGRAPH.CENTER
        title.add_run(line).font.size = Pt(18)
    made.add_paragraph(f"{paper.numbered}：{paper.number}").alignment = WD_ALIGN_PARAGRAPH.CENTER
    for block in plain["blocks"]:
        _DOCX[block["kind"]](made, block)
    made.core_properties.created = made.core_properties.modified = _EPOCH.replace(tzinfo=None)
    made.core_properties.author, made.core_properties.title = "", plain["title"][0]
    raw = io.BytesIO()
    made.save(raw)
    return _dateless(raw.getvalue())


def _docx_lines(made: Any, block: dict[str, Any]) -> None:
    for line in block["text"]:
        made.add_paragraph().add_run(line).bold = block["kind"] == "heading"


def _docx_table(made: Any, block: dict[str, Any]) -> None:
    table = made.add_table(rows=1, cols=len(block["heads"]))
    table.style = "Table Grid"
    for cell, head in zip(table.rows[0].cells, block["heads"], strict=True):
        cell.text = " ".join(head)
    for row in block["rows"]:
        for cell, text in zip(table.add_row().cells, row, strict=True):
            cell.text = text


def _docx_signatures(made: Any, block: dict[str, Any]) -> None:
    made.add_paragraph()
    table = made.add_table(rows=1, cols=len(block["sides"]))
    for cell, side in zip(table.rows[0].cells, block["sides"], strict=True):
        cell.text = "\n".join([*side, "", "", ""])


_DOCX: dict[str, Callable[[Any, dict[str, Any]], None]] = {
    "heading": _docx_lines,
    "para": _docx_lines,
    "rows": _docx_table,
    "signatures": _docx_signatures,
}


def _dateless(made: bytes) -> bytes:
    """A ZIP whose entries carry no time of making."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(made)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            info = zipfile.ZipInfo(entry.filename, (1985, 4, 1, 0, 0, 0))
            new.writestr(info, old.read(entry.filename), zipfile.ZIP_DEFLATED)
    return out.getvalue()
