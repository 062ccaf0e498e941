"""Papers: what a deal says, as a document that people sign, file and keep. Facts in, bytes out; equal facts, equal bytes."""

from services.licensing.papers.certificate import LicenseFacts, certificate, dossier
from services.licensing.papers.contract import ContractFacts, PaperParty, PaperPatent, contract
from services.licensing.papers.notice import NoticeFacts, notice
from services.licensing.papers.print import Language, as_docx, as_pdf
from services.licensing.papers.statement import registration, statement
from services.licensing.papers.yearly import workbook

__all__ = [
    "ContractFacts",
    "Language",
    "LicenseFacts",
    "NoticeFacts",
    "PaperParty",
    "PaperPatent",
    "as_docx",
    "as_pdf",
    "certificate",
    "contract",
    "dossier",
    "notice",
    "registration",
    "statement",
    "workbook",
]
