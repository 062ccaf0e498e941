"""The child that reads a file: started, listened to, and ended, whatever becomes of it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Self

from pydantic_core import from_json

from services.catalog.reading.protocol import Order, refusal_out
from services.catalog.rules.files import gave_up
from shared import log
from shared.rulebook import Refusal

ROOT = Path(__file__).parents[3]
PART_MOST = 512 << 20
SILENT_S = 60.0  # without a word, beyond the processor time that the child may take; the machine is stuck
DYING_S = 2.0
_log = log.logger("catalog")


@dataclass(frozen=True, slots=True)
class RowRead:
    """What the child says of a row, and the row's cells as JSON."""

    said: dict[str, Any]
    cells: str

    def doubt(self, no: dict[str, Any]) -> None:
        """What the platform's own tables say against a row that the child took."""
        self.said.setdefault("reasons" if no["severity"] == "BLOCK" else "warnings", []).append(no)


class Unread(Exception):
    """A file was not read, or not to its end: the refusal that says why, as plain data."""

    def __init__(self, no: dict[str, Any]) -> None:
        super().__init__(no["rule"])
        self.no = no


class Reader:
    """One file being read by one child, block by block."""

    def __init__(self, process: Process, patience_s: float) -> None:
        self._process, self._patience_s = process, patience_s
        self.rows, self.heads = 0, list[str]()

    @classmethod
    async def start(cls, content: BinaryIO, order: Order) -> Self:
        """Start a child and hear the head of the file. Raises: Unread."""
        size = os.fstat(content.fileno()).st_size
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.catalog.reading", cwd=ROOT, stdin=PIPE, stdout=PIPE, stderr=DEVNULL,
            pass_fds=(content.fileno(),), env={"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        reader = cls(process, SILENT_S + 8 * size / (1 << 20))
        try:
            assert process.stdin is not None
            process.stdin.write(replace(order, content=content.fileno()).to_json().encode() + b"\n")
            head = _no_refusal(await reader._part())
            reader.rows, reader.heads = head["rows"], head["heads"]
        except BaseException:
            await reader.close()
            raise
        return reader

    async def block(self) -> list[RowRead]:
        """Ask for the next rows. Raises: Unread, when the child gave up or died in the middle."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        part = await self._part()
        if part.startswith(b'{"refused"'):
            _no_refusal(part)
        return await asyncio.to_thread(_rows, part)

    async def _part(self) -> bytes:
        out = self._process.stdout
        assert out is not None
        try:
            async with asyncio.timeout(self._patience_s):
                length = int((await out.readline()) or b"-1")
                if 0 <= length < PART_MOST:
                    return await out.readexactly(length)
        except (asyncio.IncompleteReadError, TimeoutError, ValueError):
            pass
        raise Unread(refusal_out(await self._post_mortem()))

    async def _post_mortem(self) -> Refusal:
        with suppress(TimeoutError):  # it may be dying of its own, and its code tells of what
            await asyncio.wait_for(self._process.communicate(), DYING_S)
        code = await self._end()
        _log.warning("reader of an import died", code=code)
        if code in (-signal.SIGXCPU, -signal.SIGKILL):
            return gave_up("it takes more time than a file of its size may", "所需时间超过该大小文件的上限")
        if code in (-signal.SIGABRT, -signal.SIGSEGV):
            return gave_up("it needs more memory than a file of its size may", "所需内存超过该大小文件的上限")
        return gave_up("the reader broke off in the middle", "读取程序中途中止")

    async def _end(self) -> int | None:
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()
        # Not `wait`: it waits for the end of a pipe that nobody reads while the stream's buffer is full.
        await self._process.communicate()
        return self._process.returncode

    async def close(self) -> None:
        """End the child, done or not."""
        await self._end()


def _no_refusal(part: bytes) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(part)
    if no := said.get("refused"):
        raise Unread(no)
    return said


def _rows(part: bytes) -> list[RowRead]:
    lines = (line.split("\t", 1) for line in part.decode().split("\n"))
    return [RowRead(from_json(said), cells) for said, cells in lines]
