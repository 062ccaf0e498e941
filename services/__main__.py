"""The command line: `python -m services COMMAND`."""

from __future__ import annotations

import argparse
import ast
import asyncio
import csv
import gc
import gzip
import importlib
import io
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from services import __version__
from shared import context, log
from shared.errors import Language, Problem
from shared.launcher import LaunchRefused
from shared.settings import HostSettings, SettingsRefused, environment, read

USAGE_EXIT, FAILED_EXIT = 2, 1
EXAMPLE = "镗深孔时杆子发颤，孔壁有波纹"
ENDINGS = (".csv", ".tsv", ".txt", ".xlsx", ".xlsm", ".xls", ".ods", ".json", ".ndjson", ".jsonl", ".xml")
REFERENCE_CHUNK = 2_000
FOUND_S = 10.0


def say(line: str = "") -> None:
    """One line for the person at the terminal."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _tell(line: str) -> None:
    """Progress: to stderr, since what a command prints is its answer."""
    sys.stderr.write(line + "\n")


class CommandRefused(Exception):
    """A command cannot be done; one line says why."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; answers the exit code."""
    options = _parser().parse_args(arguments)
    context.language.set(_language())
    log.configure("WARNING")  # to stderr: what a command prints is its answer
    try:
        run: Callable[[argparse.Namespace], int | None] = options.run
        return run(options) or 0
    except SettingsRefused as refused:
        return _refused(str(refused), USAGE_EXIT)
    except LaunchRefused as refused:
        return _refused(str(refused), refused.exit_code)
    except CommandRefused as refused:
        return _refused(str(refused), FAILED_EXIT)
    except Problem as problem:
        return _refused(_spoken(problem), FAILED_EXIT)
    except BrokenPipeError:
        return FAILED_EXIT
    except KeyboardInterrupt:
        return 130


def _refused(why: str, code: int) -> int:
    sys.stderr.write(f"duijie: {why}\n")
    return code


def _language() -> Language:
    return "zh" if environment().get("LANG", "").startswith("zh") else "en"


def _spoken(problem: Problem) -> str:
    language = context.language.get()
    lines = [problem.detail.spoken(language)]
    lines += [f"{v.rule}: {v.message.spoken(language)}" for v in problem.violations if v.message.en not in lines[0]]
    return "; ".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services", description="duijie 对接: the platform's command line")
    parser.add_argument("--version", action="version", version=f"duijie {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], int | None], text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(run=run)
        return sub

    serve_ = command("serve", serve, "start the platform, or one of its services")
    serve_.add_argument("service", nargs="?", choices=["catalog", "matching", "licensing", "oversight", "gateway"])
    migrate_ = command("migrate", migrate, "bring the database to this version, or one service's schema back")
    migrate_.add_argument("--down", nargs=2, metavar=("SERVICE", "REVISION"))
    load_ = command("load", load, "bring a portfolio in through the public import, and list it")
    load_.add_argument("file", type=Path)
    load_.add_argument("--dry-run", action="store_true", help="report only, write nothing")
    load_.add_argument("--no-publish", action="store_true", help="import without listing")
    _remote(load_, "operator")
    match_ = command("match", match, "rank a need in plain words and show the reasons")
    match_.add_argument("need", nargs="+")
    match_.add_argument("--limit", type=int, default=5)
    _remote(match_, "sme")
    token_ = command("token", token, "print an access token of a demo client")
    token_.add_argument("name", nargs="?", help="operator, university, co_owner, sme …")
    _remote(token_, "sme")
    rank_ = command("rank", rank, "rank needs against a corpus, on plain files and without a database")
    rank_.add_argument("--corpus", type=Path, required=True, help='lines {"id", "title", "text", "ipc", "patent_type"}')
    rank_.add_argument("--queries", type=Path, required=True, help='lines {"id", "title", "text"}')
    rank_.add_argument("--pairs", type=Path, help="score only these: query, document, …, divided by tabs")
    rank_.add_argument("--semantic", action="store_true", help="by meaning too (extra [semantic]): 30-50 ms a document")
    rank_.add_argument("--limit", type=int, default=20, help="hits a query, 1 to 500 (default 20)")
    rank_.add_argument("--out", type=Path, required=True, help="the run: query, document, score")
    bench_ = command("bench", bench, "the engine against its peers on a seeded corpus (extra [bench])")
    bench_.add_argument("--documents", type=int, nargs="+", default=[100_000], help="sizes of the corpus")
    bench_.add_argument("--terms", type=int, default=91, help="distinct terms of a document (real texts: about 51)")
    bench_.add_argument("--texts", type=Path, help='real texts for word statistics: lines {"title", "abstract"}')
    bench_.add_argument("--peers", nargs="*", default=["bm25s", "tantivy", "scipy", "sparse_dot_topn", "sklearn"])
    bench_.add_argument("--rounds", type=int, default=3)
    bench_.add_argument("--queries", type=int, default=200)
    bench_.add_argument("--plots", type=Path, help="folder for two SVGs")
    evaluate_ = command("evaluate", evaluate, "how well a run ranks judged pairs: nDCG@10, MAP, recall")
    evaluate_.add_argument("--qrels", type=Path, required=True, help="query, document, level 1 to 4")
    evaluate_.add_argument("--run", dest="run_file", type=Path, required=True)
    reference = commands.add_parser("reference", help="reference tables").add_subparsers(
        required=True, metavar="ACTION"
    )
    reference_load = reference.add_parser("load", help="load official tables, see docs/operating.md")
    reference_load.add_argument("table", choices=["ipc", "industries", "regions", "universities"])
    reference_load.add_argument("file", type=Path, nargs="+")
    reference_load.set_defaults(run=load_reference)
    _remote(reference_load, "operator")
    sample = commands.add_parser("sample", help="the sample of fictitious patents").add_subparsers(
        required=True, metavar="ACTION"
    )
    sample_remove = sample.add_parser("remove", help="take the sample, its deals and the demo clients out for good")
    sample_remove.set_defaults(run=remove_sample)
    _remote(sample_remove, "operator")
    clients = commands.add_parser("client", help="clients of organizations").add_subparsers(
        required=True, metavar="ACTION"
    )
    create = clients.add_parser(
        "create", help="register an organization, verified, with a client: for the first operator"
    )
    create.add_argument("--name", required=True)
    create.add_argument("--uscc", required=True)
    create.add_argument("--type", default="PLATFORM_OPERATOR")
    create.set_defaults(run=create_client)
    command("openapi", openapi, "print the merged OpenAPI document")
    command("rules", rules, "print the rulebook: id, since, source, what it decides, its tests")
    return parser


def _remote(parser: argparse.ArgumentParser, client: str) -> None:
    parser.add_argument("--url", help="the platform's address (default: this home's)")
    parser.add_argument("--client", default=client, help=f"name in demo-clients.json, or ID:SECRET (default {client})")


# Starting


def _configuration() -> Any:
    embedded = importlib.import_module("services.embedded")
    return embedded.Configuration.read(environment())


def serve(options: argparse.Namespace) -> None:
    """Start the platform."""
    host = read(HostSettings, environment())
    home = host.home.absolute()
    if sys.stderr.isatty():
        try:
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
            log.configure(host.log_level, open(home / "duijie.log", "a", encoding="utf-8"))  # noqa: SIM115
        except OSError as error:
            raise LaunchRefused(f"cannot write to {home}: {error.strerror}") from None
    else:
        log.configure(host.log_level)
    gc.disable()  # half a second of start-up goes into collecting while modules load, and nothing is garbage yet
    embedded = importlib.import_module("services.embedded")
    gc.enable()
    gc.freeze()

    def tell(line: str) -> None:
        say(line)
        if line.startswith("ready") and options.service is None:
            _welcome(line.rpartition(": ")[2], home, host.sample)

    embedded.Host(embedded.Configuration.read(environment()), tell).run(options.service)


def _welcome(address: str, home: Path, has_sample: bool) -> None:
    python = Path(sys.executable)
    shown = python.relative_to(Path.cwd()) if python.is_relative_to(Path.cwd()) else python
    say(f"  API reference      {address}/docs")
    if has_sample:
        say(f"  demo clients       {home / 'demo-clients.json'}")
        say("  ask in plain words, in another terminal:")
        say(f'    {shown} -m services match "{EXAMPLE}"')
        say("  the same over HTTP:")
        say(f'    curl -s {address}/v1/match-queries -H "Authorization: Bearer $({shown} -m services token)" \\')
        say(f'      -H \'Content-Type: application/json\' -d \'{{"title":"{EXAMPLE}","limit":3}}\'')
    say("  a portfolio of your own:")
    say(f"    {shown} -m services load FILE")
    say("  Ctrl-C stops everything; the data stay in " + str(home))


def migrate(options: argparse.Namespace) -> None:
    """Migrate the configured database up, or one service's schema down."""
    configuration = _configuration()
    embedded, migrations = importlib.import_module("services.embedded"), importlib.import_module("migrations")
    with embedded.only_database(configuration) as url:
        urls = configuration.urls(url)
        if options.down:
            service, revision = options.down
            if service not in urls:
                raise CommandRefused(f"there is no service {service}; there are {', '.join(urls)}")
            migrations.downgrade(service, urls[service], revision)
        else:
            migrations.upgrade(urls)
    say("done")


def create_client(options: argparse.Namespace) -> None:
    """Register and verify an organization, and make it a client; prints the secret once."""
    configuration = _configuration()
    embedded = importlib.import_module("services.embedded")
    say(
        json.dumps(
            embedded.first_client(configuration, options.name, options.type, options.uscc), ensure_ascii=False, indent=2
        )
    )


# Talking to a running platform


def _credentials(options: argparse.Namespace, home: Path) -> tuple[str, str]:
    if ":" in options.client:
        id_, _, secret = options.client.partition(":")
        return id_, secret
    path = home / "demo-clients.json"
    try:
        clients = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CommandRefused(f"no {path}: start the platform first, or give --client ID:SECRET") from None
    if options.client not in clients:
        raise CommandRefused(f"there is no demo client {options.client}; there are {', '.join(clients)}")
    return clients[options.client]["client_id"], clients[options.client]["client_secret"]


def _remotely(options: argparse.Namespace, use: Callable[[Any], Any]) -> Any:
    """Sign in and do something with the platform's client."""
    client, clients = importlib.import_module("shared.client"), importlib.import_module("shared.clients")
    host = read(HostSettings, environment())  # not the whole house: these commands should answer at once
    id_, secret = _credentials(options, host.home.absolute())
    url = options.url or f"http://{'127.0.0.1' if host.host in ('0.0.0.0', '::') else host.host}:{host.port}"  # noqa: S104

    async def go() -> Any:
        gateway = clients.GatewayClient(url, client.network(), None)
        try:
            await gateway.sign_in(id_, secret)
            return await use(gateway)
        finally:
            await gateway.close()

    return asyncio.run(go())


def token(options: argparse.Namespace) -> None:
    """Print a token."""
    options.client = options.name or options.client

    async def use(gateway: Any) -> str:
        return str(gateway._token())

    say(_remotely(options, use))


def match(options: argparse.Namespace) -> None:
    """Rank a need and show why."""
    contracts = importlib.import_module("shared.contracts.matching")

    async def use(gateway: Any) -> Any:
        return await gateway.match(contracts.MatchQuery(title=" ".join(options.need), limit=options.limit))

    show_matches(_remotely(options, use))


def matches_of(answer: dict[str, Any]) -> Any:
    """The wire type of a ranking, from its JSON."""
    return importlib.import_module("shared.contracts.matching").Matches.model_validate(answer)


def show_matches(found: Any) -> None:
    """A ranking for people: the listing, what it does, and the words behind its score."""
    if not found.items:
        say(f"no match: {found.empty_reason}")
    for item in found.items:
        card = item.listing
        numbers = [patent.application_number or patent.publication_number for patent in card.patents]
        say(f"{item.rank:>2}. {' / '.join(card.titles)}")
        say(
            f"    {'、'.join(card.holders)}  {' '.join(filter(None, numbers))}  {card.pricing.fee_type}  {' '.join(card.labels)}"
        )
        if card.summary:
            say(f"    {card.summary}")
        why: dict[str, float] = {}
        for term in item.explanation.terms:
            word = f"{term.term}({term.through})" if term.through else term.term
            why[word] = why.get(word, 0.0) + term.weight
        why |= {signal.signal: signal.weight for signal in item.explanation.other}
        reasons = "  ".join(f"{word} {weight:.3f}" for word, weight in sorted(why.items(), key=lambda w: -w[1])[:6])
        say(f"    {item.band} fit {item.fit:.2f}, score {item.score:.3f} = {reasons}")
    if found.suggestions.terms:
        say(f"known words near yours: {'、'.join(found.suggestions.terms)}")


def _content(path: Path) -> tuple[str, bytes]:
    name = path.name
    try:
        content = path.read_bytes()
        if name.endswith(".gz"):
            content, name = gzip.decompress(content), name.removesuffix(".gz")
    except (OSError, EOFError, gzip.BadGzipFile) as error:
        raise CommandRefused(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from None
    if not name.lower().endswith(ENDINGS):
        raise CommandRefused(f"{path} ends in none of {', '.join(ENDINGS)} (also .gz)")
    return name, content


def load(options: argparse.Namespace) -> int:
    """Import a portfolio and list it; shows progress and rejected rows."""
    started = time.monotonic()
    name, content = _content(options.file)

    async def use(gateway: Any) -> int:
        job = await gateway.import_patents(name, content, publish=not options.no_publish, dry_run=options.dry_run)
        seen = -1
        while job.state in ("QUEUED", "RUNNING"):
            if job.done_rows != seen and job.rows.total:
                seen = job.done_rows
                say(f"  {job.done_rows:>7} of {job.rows.total} rows, {time.monotonic() - started:.1f} s")
            await asyncio.sleep(0.2)
            job = await gateway.patent_import(job.id)
        if job.state == "FAILED":
            raise CommandRefused(f"{options.file}: {job.problem}")
        rows, listings = job.rows, job.listings
        say(
            f"{rows.total} rows in {time.monotonic() - started:.1f} s: {rows.created} created, {rows.updated} updated, "
            f"{rows.unchanged} unchanged, {rows.rejected} rejected, {rows.warned} with a warning{' (dry run: nothing written)' if job.dry_run else ''}"
        )
        if job.publish and not job.dry_run:
            refused = "".join(f", {count} not listed ({rule})" for rule, count in sorted(listings.refused.items()))
            say(f"listings: {listings.published} published, {listings.unchanged} listed before{refused}")
            if listings.published:
                say(f"found by a need {await _until_found(gateway):.1f} s later")
        if rows.rejected or rows.warned:
            for error in (await gateway.import_errors(job.id)).items:
                place = f"row {error.row}" + (f", {error.column}" if error.column else "")
                say(
                    f"  {place}: {'warning ' if error.severity == 'WARN' else ''}{error.rule} {error.message}"
                    + (f" ({error.cure})" if error.cure else "")
                )
            say(f"  all of them: GET /v1/patent-imports/{job.id}/errors; as a file to mend: …/errors?format=xlsx")
        return FAILED_EXIT if rows.rejected else 0

    return int(_remotely(options, use))


async def _until_found(gateway: Any) -> float:
    """Seconds until the listing published last is found by its own title."""
    contracts = importlib.import_module("shared.contracts.matching")
    started, newest = time.monotonic(), await gateway.newest_listing()
    query = contracts.MatchQuery(title=newest.titles[0], limit=20)
    while newest.id not in [item.listing.id for item in (await gateway.match(query)).items]:
        if time.monotonic() - started > FOUND_S:
            raise CommandRefused(f"{newest.id} is listed but not found after {FOUND_S:.0f} s: see /readyz")
        await asyncio.sleep(0.05)
    return time.monotonic() - started


def _reference_rows(table: str, path: Path) -> Iterator[dict[str, Any]]:
    """Rows of an official table: TSV or CSV with code, name or title, and perhaps parent; JSON Lines for universities."""
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        text = raw.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandRefused(f"cannot read {path}: {error}") from None
    if ".jsonl" in path.name:
        rows: Iterator[dict[str, Any]] = (json.loads(line) for line in text.splitlines() if line.strip())
    else:
        rows = iter(csv.DictReader(io.StringIO(text), delimiter="\t" if "\t" in text.split("\n", 1)[0] else ","))
    for number, row in enumerate(rows, 1):
        code, title = row.get("code"), row.get("title") or row.get("name") or row.get("zh")
        if not code or not title:
            raise CommandRefused(f"{path}, row {number}: needs a code and a title (or name)")
        parent = row.get("parent") or row.get("cityCode") or row.get("provinceCode") or None
        yield {
            "code": str(code),
            "zh": str(title).strip(),
            "en": row.get("en") or None,
            "parent": parent and str(parent),
        }


def rank(options: argparse.Namespace) -> None:
    """Rank on plain files."""
    from services.matching.engine import MIX
    from services.matching.service import files, semantic
    from services.matching.service.vocabulary import class_words, understanding, words

    semantics = semantic.Semantics() if options.semantic else None
    meaning = semantic.Meaning(semantics, class_words()) if semantics else None
    if not 1 <= options.limit <= files.LIMIT_MOST:
        raise CommandRefused(f"--limit is 1 to {files.LIMIT_MOST}")
    here = Path(__file__).parent
    table = (here / "catalog" / "reference" / "ipc.tsv").read_text(encoding="utf-8")
    titles = dict(line.split("\t")[:2] for line in table.splitlines()[1:])
    started = time.perf_counter()
    try:
        written = files.rank(
            options.corpus, options.queries, options.out, limit=options.limit, pairs=options.pairs, ipc_titles=titles,
            understanding=understanding(words(), meaning), processes=os.cpu_count() or 1, progress=_tell,
            mix=semantic.MIXED if semantics else MIX, semantics=semantics,
        )  # fmt: skip
    except files.FileRefused as refused:
        raise CommandRefused(str(refused)) from None
    say(f"{options.out}: {written} lines in {time.perf_counter() - started:.1f} s")


def bench(options: argparse.Namespace) -> None:
    """Measure the engine against its peers."""
    from services.matching.service import bench as product

    texts = options.texts
    if texts is None:
        texts = Path(tempfile.mkdtemp()) / "sample"
        sample = sorted((Path(__file__).parent / "catalog" / "sample").glob("*.jsonl"))
        texts.write_text("".join(path.read_text(encoding="utf-8") for path in sample), encoding="utf-8")
    try:
        product.run(
            sizes=sorted(options.documents), mean_terms=options.terms, texts=texts, chosen=options.peers,
            rounds=options.rounds, queries=options.queries, plots=options.plots, say=say,
        )  # fmt: skip
    except ModuleNotFoundError as missing:
        raise CommandRefused(f"{missing.name} is not installed; uv pip install -r requirements-dev.txt") from None
    except OSError as error:
        raise CommandRefused(f"{texts}: {error.strerror or error}") from None


def evaluate(options: argparse.Namespace) -> None:
    """Judge a run."""
    from services.matching.service import files

    try:
        quality = files.evaluate(options.qrels, options.run_file)
    except files.FileRefused as refused:
        raise CommandRefused(str(refused)) from None
    recall = "  ".join(f"recall@{depth} {share:.4f}" for depth, share in quality.recall.items())
    say(f"needs {quality.queries}  nDCG@10 {quality.ndcg:.4f}  MAP {quality.map:.4f}  {recall}")


def load_reference(options: argparse.Namespace) -> None:
    """Load official reference tables."""
    contracts = importlib.import_module("shared.contracts.catalog")
    rows = [row for path in options.file for row in _reference_rows(options.table, path)]

    async def use(gateway: Any) -> None:
        totals = {"created": 0, "changed": 0, "unchanged": 0}
        for start in range(0, len(rows), REFERENCE_CHUNK):
            chunk = contracts.ReferenceRows.model_validate({"rows": rows[start : start + REFERENCE_CHUNK]})
            loaded = await gateway.load_reference(options.table, chunk)
            totals = {name: count + getattr(loaded, name) for name, count in totals.items()}
        say(f"{options.table}: " + ", ".join(f"{count} {name}" for name, count in totals.items()))

    _remotely(options, use)


def remove_sample(options: argparse.Namespace) -> None:
    """Take the sample out."""

    async def use(gateway: Any) -> Any:
        return await gateway.remove_sample()

    removed = _remotely(options, use)
    say(f"removed: {removed.listings} listings, {removed.patents} patents")


# Printing


def openapi(_: argparse.Namespace) -> None:
    """Print the merged OpenAPI document."""
    say(json.dumps(importlib.import_module("services.embedded").openapi(), ensure_ascii=False, indent=1))


def rules(_: argparse.Namespace) -> None:
    """Print the rulebook."""
    importlib.import_module("services.embedded")
    book = importlib.import_module("shared.rulebook").book()
    tests = Path(__file__).parents[1] / "tests"
    tried = tried_in(tests, book) if tests.is_dir() else {}
    language = context.language.get()
    for id_, rule in sorted(book.items()):
        say(f"{id_:<18} since {rule.since}  {rule.source.spoken(language)}")
        say(f"{'':<18} {rule.decides}")
        for test in tried.get(id_, ()):
            say(f"{'':<18} tests/{test}")


def tried_in(folder: Path, known: Iterable[str]) -> dict[str, list[str]]:
    """Which tests below a folder name each rule: {id: ["unit/test_x.py::test_y", ...]}; a table at a module's top is its file.

    A test names a rule by its id as a string, in its body or in its parameters, or at the beginning of its docstring.
    """
    found: dict[str, list[str]] = {id_: [] for id_ in known}
    for path in sorted(folder.rglob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            name = str(path.relative_to(folder))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                name += f"::{node.name}"
            said = {
                part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)
            }
            for id_ in found.keys() & (said | {text.partition(":")[0].rstrip(".") for text in said}):
                found[id_].append(name)
    return found


if __name__ == "__main__":
    sys.exit(main())
