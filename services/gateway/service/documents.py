"""Documents: evidence that acts refer to, kept as it came."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, func, insert, select, true

from services.gateway import models
from shared.auth import Caller
from shared.clock import Clock
from shared.contracts.gateway import Document, Evidence, EvidenceQuery
from shared.db import Database, Tx
from shared.errors import InvalidInput, NotFound, TooLarge
from shared.idempotency import Idempotency
from shared.ids import new_id

SIZE_MOST = 10 << 20
_META = [column for column in models.document.c if column.name != "content"]
_MEDIA = re.compile(r"[a-z0-9.+-]{1,60}/[a-z0-9.+-]{1,100}")


class Documents:
    """Use cases on documents."""

    def __init__(self, db: Database, acts: Idempotency, clock: Clock) -> None:
        self._db, self._acts, self._clock = db, acts, clock

    async def store(self, file_name: str, media_type: str, content: bytes, by: Caller) -> Document:
        """Keep a file. Raises: TooLarge; InvalidInput for an empty one."""
        if len(content) > SIZE_MOST:
            raise TooLarge("a document has at most 10 MB", "文件不得超过 10 MB")
        if not content:
            raise InvalidInput("the document is empty", "文件为空")
        now = self._clock.now()
        name = "".join(c for c in file_name if c.isprintable() and c not in '/\\"')[:200] or "document"
        values = {
            "id": new_id("doc"),
            "version": 1,
            "created_at": now,
            "updated_at": now,
            "organization_id": by.organization_id,
            "file_name": name,
            "media_type": media_type if _MEDIA.fullmatch(media_type) else "application/octet-stream",
            "sha256": hashlib.sha256(content).hexdigest(),
            "size": len(content),
            "content": content,
        }
        async with self._db.write() as tx:
            await self._acts.claim(tx, now)
            await tx.execute(insert(models.document).values(values))
            return await self._acts.answer(tx, _document(await self._row(tx, str(values["id"]), by, *_META)))

    async def missing(self, query: EvidenceQuery) -> Evidence:
        """Which of some documents are not there, or not that organization's."""
        async with self._db.read() as tx:
            return Evidence(missing=await _missing(tx, query.document_ids, query.organization_id))

    async def _row(self, tx: Tx, id_: str, by: Caller, *columns: Any) -> Row[Any]:
        row = (await tx.execute(select(*columns).where(models.document.c.id == id_))).first()
        if row is None or not by.may_touch(row.organization_id):
            raise NotFound("there is no such document", "没有该文件")
        return row

    async def get(self, id_: str, by: Caller) -> Document:
        """What is known of a document."""
        async with self._db.read() as tx:
            return _document(await self._row(tx, id_, by, *_META))

    async def content(self, id_: str, by: Caller) -> tuple[Document, bytes]:
        """A document with its bytes."""
        async with self._db.read() as tx:
            row = await self._row(tx, id_, by, *models.document.c)
            return _document(row), bytes(row.content)


async def _missing(tx: Tx, ids: Sequence[str], owner: str | None) -> list[str]:
    found = await tx.scalars(
        select(models.document.c.id).where(
            models.document.c.id == func.any(list(ids)),
            true() if owner is None else models.document.c.organization_id == owner,
        )
    )
    return sorted(set(ids) - set(found))


async def check_named(tx: Tx, ids: Sequence[str], by: Caller) -> None:
    """Evidence that an act names was uploaded before, by whoever names it. Raises: NotFound."""
    if missing := await _missing(tx, ids, None if by.is_operator else by.organization_id):
        raise NotFound(
            f"there is no document {missing[0]} of yours; upload it at /v1/documents first",
            f"没有您上传的文件 {missing[0]}，请先在 /v1/documents 上传",
        )


def _document(row: Row[Any]) -> Document:
    return Document(
        id=row.id,
        external_id=row.external_id,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
        organization_id=row.organization_id,
        file_name=row.file_name,
        sha256=row.sha256,
        media_type=row.media_type,
        size=row.size,
    )
