"""Collections: a saved query and listings chosen by hand, shared, exported and followed."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from shared.contracts.catalog import ListingCriteria, PatentId
from shared.contracts.wire import Ask, Cursor, ExternalId, Instant, Limit, Line, Prose, Reply, Resource

CHOSEN_MOST = 1_000


class Sharing(StrEnum):
    """Who may see a collection besides its owner."""

    PRIVATE = "PRIVATE"
    ORGANIZATIONS = "ORGANIZATIONS"
    PUBLIC = "PUBLIC"


ListingId = Annotated[str, Field(pattern=r"^lst_[0-9a-z]{1,40}$")]
OrganizationId = Annotated[str, Field(pattern=r"^org_[0-9a-z_]{1,40}$")]


class Chosen(Ask):
    """Listings named one by one, or by a patent that they offer."""

    listing_ids: Annotated[list[ListingId], Field(max_length=CHOSEN_MOST)] = []
    patent_ids: Annotated[list[PatentId], Field(max_length=CHOSEN_MOST)] = []


_QUERY = "What a listing has to fit; null where all are chosen by hand"
_VISIBLE_TO = "With visibility ORGANIZATIONS: who may see it"


class CollectionDraft(Ask):
    """A collection to be made: what the query finds, and what is included, without what is excluded."""

    external_id: ExternalId | None = None
    name: Line
    description: Prose | None = None
    query: ListingCriteria | None = Field(default=None, description=_QUERY)
    include: Chosen = Chosen()
    exclude: Chosen = Chosen()
    visibility: Sharing = Sharing.PRIVATE
    organization_ids: Annotated[list[OrganizationId], Field(max_length=200)] = Field(
        default=[], description=_VISIBLE_TO
    )

    model_config = {
        "json_schema_extra": {
            "examples": [
                {
                    "name": "深孔加工专题",
                    "description": "镗杆、深孔钻与减振装置",
                    "query": {"ipc": "B23B", "region_code": "37", "trl_at_least": 6},
                    "visibility": "PUBLIC",
                }
            ]
        }
    }


class CollectionPatch(Ask):
    """Changes to a collection: fields that stand here replace, null empties, others stay."""

    external_id: ExternalId | None = None
    name: Line | None = None
    description: Prose | None = None
    query: ListingCriteria | None = Field(default=None, description=_QUERY)
    include: Chosen | None = None
    exclude: Chosen | None = None
    visibility: Sharing | None = None
    organization_ids: Annotated[list[OrganizationId], Field(max_length=200)] | None = Field(
        default=None, description=_VISIBLE_TO
    )


class Collection(Resource):
    """A collection; what was chosen by hand and who may see it is shown to its owner."""

    organization_id: str
    name: str
    description: str | None
    query: ListingCriteria | None
    include: Chosen | None
    exclude: Chosen | None
    visibility: Sharing
    organization_ids: list[str] | None


class CollectionsQuery(Ask):
    """A list of collections as asked for."""

    q: Annotated[str, Field(max_length=200)] | None = Field(default=None, description="Words that must all occur")
    external_id: ExternalId | None = None
    mine: bool = Field(default=False, description="Your own (needs a token)")
    following: bool = Field(default=False, description="Those that you follow (needs a token)")
    count: bool = False
    after: Cursor | None = None
    limit: Limit = 20


class Follower(Reply):
    """An organization that hears of listings that enter a collection."""

    collection_id: str
    organization_id: str
    since: Instant
