"""The platform as real processes: started, spoken to, and ended as a person at a terminal would."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any

import httpx

from shared.launcher import free_port

ROOT = Path(__file__).parents[2]


@cache
def _bytecode() -> str:
    folder = tempfile.mkdtemp(prefix="duijie-bytecode-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def environment(home: Path, port: int, **settings: str) -> dict[str, str]:
    """Our own settings and none of the caller's."""
    dropped = ("DUIJIE_", "LANG", "LC_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    if sys.dont_write_bytecode:  # else every process would compile everything again
        kept["PYTHONPYCACHEPREFIX"] = _bytecode()
    return {**kept, "DUIJIE_HOME": str(home), "DUIJIE_PORT": str(port), "DUIJIE_LOG_LEVEL": "ERROR", **settings}


def command(*arguments: str, env: dict[str, str], within_s: float = 60) -> subprocess.CompletedProcess[str]:
    """A command line, run to its end."""
    return subprocess.run(
        [sys.executable, "-m", "services", *arguments],
        env=env,
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        timeout=within_s,
        check=False,
    )


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Served:
    """One `serve` process; `running` starts it where it does not run."""

    def __init__(self, home: Path, *arguments: str, **settings: str) -> None:
        self.home, self.port = home, free_port()
        self.env = environment(home, self.port, **settings)
        self._arguments, self._process = arguments, None
        self.url = f"http://127.0.0.1:{self.port}"

    _process: subprocess.Popen[bytes] | None
    _before = 0

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        path = self.home.parent / f"{self.port}.out"
        self._before = len(self.output()) if path.exists() else 0
        with open(path, "ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "services", "serve", *self._arguments],
                env=self.env, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            )  # fmt: skip

    def output(self) -> str:
        return (self.home.parent / f"{self.port}.out").read_text(encoding="utf-8")

    def _said(self) -> str:
        """What this process has said since it was started."""
        return self.output()[self._before :]

    def until_ready(self, within_s: float = 60) -> None:
        assert self._process is not None
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            assert self._process.poll() is None, self.output()
            try:
                if httpx.get(self.url + "/readyz", timeout=5).status_code == 200 and "ready in" in self._said():
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"not ready after {within_s} s: {self.output()}")

    def running(self, within_s: float = 60) -> Served:
        if self._process is None or self._process.poll() is not None:
            self.start()
            self.until_ready(within_s)
        return self

    def end(self, number: int = signal.SIGTERM, within_s: float = 30) -> tuple[int, float]:
        """Send a signal; the exit code, and the seconds until the process was gone."""
        assert self._process is not None
        started = time.monotonic()
        self._process.send_signal(number)
        code = self._process.wait(within_s)
        return code, time.monotonic() - started

    def stop(self) -> None:
        """Leave nothing behind."""
        if self._process is not None and self._process.poll() is None:
            try:
                self.end()
            except subprocess.TimeoutExpired:
                self.end(signal.SIGKILL)
        postgres = self.postgres()
        if postgres is not None and alive(postgres):
            os.kill(postgres, signal.SIGQUIT)

    def postgres(self) -> int | None:
        """The process of the embedded server, while there is one."""
        status = self.home / "postgres" / "postmaster.pid"
        return int(status.read_text().split("\n", 1)[0]) if status.exists() else None

    def credentials(self, name: str) -> dict[str, str]:
        clients: dict[str, dict[str, str]] = json.loads((self.home / "demo-clients.json").read_text(encoding="utf-8"))
        return clients[name]

    def client(self, client_id: str, client_secret: str) -> httpx.Client:
        """A caller with a token."""
        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
        token = httpx.post(self.url + "/v1/oauth/token", data=form, timeout=30)
        assert token.status_code == 200, token.text
        headers = {"Authorization": "Bearer " + token.json()["access_token"]}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30)

    def demo(self, name: str) -> httpx.Client:
        facts = self.credentials(name)
        return self.client(facts["client_id"], facts["client_secret"])


def made(api: httpx.Client, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """The body of a POST that succeeded."""
    answer = api.post(path, json=body or {}, headers={"Idempotency-Key": os.urandom(8).hex()})
    assert answer.status_code in (200, 201), answer.text
    found: dict[str, Any] = answer.json()
    return found
