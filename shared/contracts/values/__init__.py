"""Value types with a canonical spelling; every usual spelling is accepted (domain rules by id).

Parsers take what people and spreadsheets write (full-width digits, blanks, ZL and CN prefixes, lower
case) and answer the one stored form, or raise `Refused` with the rule, the reason and the cure.
`numbers` knows patents and their documents, `codes` classes, organizations, regions and industries,
`plain` days, rates and money.
"""

from shared.contracts.values.codes import (
    Classification,
    IndustryCode,
    RegionCode,
    Uscc,
    divisions_of,
    is_locarno,
    organization_check,
    parse_classification,
    parse_industry,
    parse_region,
    parse_uscc,
    section_of,
)
from shared.contracts.values.numbers import (
    TYPE_NAME,
    TYPE_OF_DIGIT,
    TYPE_OF_KIND,
    ApplicationNumber,
    NumberFacts,
    PatentType,
    PublicationNumber,
    canonical_number,
    check_character,
    is_grant,
    kind_letter,
    number_facts,
    parse_application_number,
    parse_publication_number,
)
from shared.contracts.values.plain import (
    Amount,
    Money,
    Rate,
    parse_amount,
    parse_day,
    parse_rate,
)
from shared.contracts.values.spelling import fold

__all__ = [
    "TYPE_NAME",
    "TYPE_OF_DIGIT",
    "TYPE_OF_KIND",
    "Amount",
    "ApplicationNumber",
    "Classification",
    "IndustryCode",
    "Money",
    "NumberFacts",
    "PatentType",
    "PublicationNumber",
    "Rate",
    "RegionCode",
    "Uscc",
    "canonical_number",
    "check_character",
    "divisions_of",
    "fold",
    "is_grant",
    "is_locarno",
    "kind_letter",
    "number_facts",
    "organization_check",
    "parse_amount",
    "parse_application_number",
    "parse_classification",
    "parse_day",
    "parse_industry",
    "parse_publication_number",
    "parse_rate",
    "parse_region",
    "parse_uscc",
    "section_of",
]
