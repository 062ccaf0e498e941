"""What all of catalog's routes share."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from services.catalog.service import Catalog
from shared.app import Endpoint


class CatalogEndpoint(Endpoint):
    """A route of catalog's."""

    service = "catalog"


router = APIRouter(route_class=CatalogEndpoint)


async def _catalog(request: Request) -> Catalog:
    found: Catalog = request.app.state.use_cases
    return found


Uses = Annotated[Catalog, Depends(_catalog)]
Search = Annotated[str | None, Query(max_length=200, description="Words that must all occur")]
