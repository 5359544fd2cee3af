"""How fast one parent takes records in, beside the bare stream and the bare database of the same run."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench import machine
from bench.actor import ROOT, Actor
from bench.stage import LIMIT_S, PAYLOAD_BYTES, RECORDS, Stage, ask_all, child_code, stream_options


@dataclass(frozen=True, slots=True)
class Case:
    """Who sends how much to which database; with `effects` each record also leaves a row of the trade."""

    children: int
    database: str
    frames: int
    effects: bool = False


@dataclass(frozen=True, slots=True)
class Rate:
    """Records by the clock, and the processor time that one record took where it arrived."""

    records_per_s: float
    cpu_us_per_record: float


def rate(records: int, seconds: float, cpu_s: float) -> Rate:
    """Rounded, as nobody can measure better here."""
    return Rate(round(records / seconds), round(1e6 * cpu_s / records, 1))


def measure(stage: Stage, case: Case, baseline: Path | None = None) -> dict[str, Any]:
    """One row of the table: ours, both limits, the ratio to the slower one; also an earlier source tree, if named."""
    folder = stage.new_folder()
    url = stage.new_url(case.database, folder)
    load = machine.load()
    children, records = _filled(stage, case)
    files = [str(folder / f"messages{number}") for number in range(len(children))]
    for actor, file in zip(children, files, strict=True):
        actor.ask(do="export", file=file)
    ours, taken, peak_mb = _ours(stage, case, url, children, records)
    for actor in children:
        actor.end()
    stream = _bare_stream(stage, case, files, records)
    store = _bare_store(stage, case, url, taken)
    slower = min(("stream", stream), ("store", store), key=lambda one: one[1].records_per_s)
    return (
        asdict(case)
        | {
            "records": records,
            "load": round(load, 2),
            "ours": asdict(ours),
            "parent_peak_mb": round(peak_mb),
            "records_per_commit": round(records / max(1, len(taken))),
            "bare_stream": asdict(stream),
            "bare_store": asdict(store),
            "slower": slower[0],
            "ratio": round(ours.records_per_s / slower[1].records_per_s, 2),
        }
        | ({} if baseline is None else {"baseline": asdict(_before(stage, case, baseline))})
    )


def _filled(stage: Stage, case: Case) -> tuple[list[Actor], int]:
    """Children with signed frames in memory, and how many records those hold."""
    children = stage.senders(case.children, 1)
    made = ask_all(children, do="fill", frames=case.frames, records=RECORDS, size=PAYLOAD_BYTES)
    return children, sum(one["records"] for one in made)


def _before(stage: Stage, case: Case, root: Path) -> Rate:
    """The same with the parent of another source tree, and children of ours that nobody has heard yet."""
    folder = stage.new_folder()
    children, records = _filled(stage, case)
    found, _, _ = _ours(stage, case, stage.new_url(case.database, folder), children, records, root)
    for actor in children:
        actor.end()
    return found


def _ours(  # noqa: PLR0917 - whose records go where, and by which source tree
    stage: Stage, case: Case, url: str, children: Sequence[Actor], records: int, root: Path = ROOT
) -> tuple[Rate, list[int], float]:
    parent, port, _ = stage.parent(url, effects=case.effects, root=root)
    before_s = parent.cpu_s
    begun = ask_all(children, do="offer", parent=f"127.0.0.1:{port}")
    done = parent.ask(records=records, limit_s=LIMIT_S)
    cpu_s, peak_mb = parent.cpu_s - before_s, parent.peak_mb
    if done["records"] != records:
        raise RuntimeError(f"{done['records']} of {records} records arrived within {LIMIT_S:.0f} s")
    for actor in children:
        actor.hear()  # every receipt was verified
    parent.end()
    seconds = done["at_s"] - min(one["at_s"] for one in begun)
    return rate(records, seconds, cpu_s), done["commits"], peak_mb


def _bare_stream(stage: Stage, case: Case, files: Sequence[str], records: int) -> Rate:
    """The same messages over as many channels; each file was written by one process of children, and is sent by one."""
    server_options, client_options = stream_options()
    program = str(Path(__file__).with_name("bare_stream.py"))
    server = stage.actor(program, do="serve", keys=stage.keys("75"), options=server_options)
    port = server.hear()["port"]
    before_s = server.cpu_s
    codes = [child_code(number) for number in range(case.children)]
    senders = [
        stage.actor(
            program,
            do="send",
            file=file,
            port=port,
            name=stage.federation.name("75"),
            options=client_options,
            keys=[stage.keys(code) for code in codes[number :: len(files)]],
        )
        for number, file in enumerate(files)
    ]
    begun_s = min(sender.hear()["begun_at_s"] for sender in senders)
    cpu_s = server.cpu_s - before_s
    said = server.ask()
    for actor in (*senders, server):
        actor.end()
    return rate(records, said["last_at_s"] - begun_s, cpu_s)


def _bare_store(stage: Stage, case: Case, url: str, commits: Sequence[int]) -> Rate:
    is_sqlite = case.database == "sqlite"
    source = url.removeprefix("sqlite:///") if is_sqlite else url.replace("postgresql+psycopg", "postgresql")
    store = stage.actor(
        str(Path(__file__).with_name("bare_store.py")),
        database=case.database,
        source=source,
        target=str(stage.new_folder() / "bare.db"),
        commits=list(commits),
        effect="bench_effect",
        effects=case.effects,
        payload_bytes=PAYLOAD_BYTES,
    )
    said = store.hear()
    store.end()
    return rate(said["records"], said["seconds"], said["cpu_s"])
