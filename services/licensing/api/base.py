"""What all of licensing's routes share."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from services.licensing.service import Licensing
from shared.app import Endpoint


class LicensingEndpoint(Endpoint):
    """A route of licensing's."""

    service = "licensing"


router = APIRouter(route_class=LicensingEndpoint)


async def _licensing(request: Request) -> Licensing:
    found: Licensing = request.app.state.use_cases
    await found.silence.be_current()  # whatever matured at midnight has happened before anybody is answered
    return found


Uses = Annotated[Licensing, Depends(_licensing)]
_BINARY = {"schema": {"type": "string", "format": "binary"}}
PRINTED: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            "application/pdf": _BINARY,
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document": _BINARY,
        }
    }
}
WORKBOOK: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": _BINARY}}
}


def file(made: tuple[bytes, str, str]) -> Response:
    """A paper as it is sent: (content, media type, file name)."""
    content, media_type, name = made
    return Response(content, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})
