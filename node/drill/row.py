"""Three centres in a row on this machine, as real processes with data of their own, for one drill."""

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy.orm import Session

from federation.ledger import UP, Lane, append
from node import presence
from node.clock import Clock
from node.commands.account import at_rest
from node.demo.check.citizen import send
from node.demo.check.requests import Request
from node.demo.children import REPOSITORY
from node.demo.founding import enrol, lay
from node.demo.plan import DemoPlan
from node.demo.running import Running
from node.demo.sites import Site, Sites, place, write_settings
from node.settings import Settings
from node.version import VERSION

TOP, MIDDLE, LOW = "75", "731", "26374"
_AGAIN_S = 0.2
_PATIENCE_S = 180.0
_CHUNK = 1000


class DrillFailed(Exception):  # noqa: N818 - it says how a drill ended
    """Something that the drill waits for did not happen; the message says what."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The processes of one drill and the questions that it asks their databases."""

    sites: Sites
    running: Running
    clock: Clock

    # life --------------------------------------------------------------------------------------------------------

    async def raise_all(self) -> None:
        """Found the federation and start its three centres along the tree."""
        authority = lay(self.sites, self.clock)
        for centre in self.sites.plan.centres:
            site = self.sites[centre.code]
            write_settings(self.sites, site)
            await enrol(self.sites, site, authority, self.clock)
            await self.start(centre.code)
        await self.until(lambda: self.is_linked(TOP) and self.is_linked(MIDDLE), "the centres did not connect")

    async def start(self, code: str) -> None:
        """Start one centre and wait until it answers."""
        self.running.start_node(self.sites[code])
        await self.running.ready(self.sites[code])

    async def stop(self, code: str) -> None:
        """Ask one centre to end, and wait until it has."""
        await self.running.children.stop([code])

    def kill(self, code: str) -> None:
        """End one centre as a power cut would."""
        self.running.children.kill(code)

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for something; DrillFailed with these words if it does not come."""
        deadline = self.clock.monotonic() + _PATIENCE_S
        while not condition():
            if self.clock.monotonic() > deadline:
                raise DrillFailed(what)
            await self.clock.sleep(_AGAIN_S)

    # what is put in ----------------------------------------------------------------------------------------------

    def write_at_rest(self, code: str, count: int) -> None:
        """Let a centre that does not run record so many statements; they are sealed when it starts."""
        now = self.clock.now()
        statement = presence.Presence(
            centre="", as_of=now, received_at=now, open_incidents=0, waiting=0, version=VERSION, period_s=60
        )
        payload = presence.encode(statement)

        def step(session: Session, some: int) -> None:
            for _ in range(some):
                append(session, lane=Lane.REGULAR, audience=UP, kind=presence.KIND, payload=payload, now=now)

        with at_rest(Settings.load(self.sites[code].settings)) as database:
            for begun in range(0, count, _CHUNK):
                database.write(partial(step, some=min(_CHUNK, count - begun)))

    async def report(self, mark: str, count: int) -> list[str]:
        """Let citizens report grave matters at the lowest centre; the incidents that it promised to have recorded."""
        found = []
        async with httpx.AsyncClient(timeout=30.0) as http:
            for number in range(count):
                asked = Request(
                    mark=f"drill-{mark}-{number:02d}",
                    number=str(number),
                    commune=LOW,
                    subject="flood",
                    grave=True,
                    text="nước dâng nhanh, cần hỗ trợ",
                    lat=10.8813,
                    lon=106.958,
                )
                found.append((await send(http, self.sites[LOW].url, asked, self.clock, None)).incident_id)
        return found

    # what is found -----------------------------------------------------------------------------------------------

    def ask(self, code: str, query: str, *values: object, at: Path | None = None) -> list[tuple[Any, ...]]:
        """The rows that a centre's database holds, running or not."""
        file = at or self.sites[code].folder / "node.db"
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=30)) as connection:
            return list(connection.execute(query, values))

    def rids(self, code: str, origin: str) -> set[bytes]:
        """The records of an origin that a centre holds, sealed or waiting."""
        sealed = (
            "SELECT r.rid FROM federation_record r JOIN federation_stream s ON s.id = r.stream_id "
            "WHERE s.origin = ? AND s.audience = 'up'"
        )
        found = {bytes(row[0]) for row in self.ask(code, sealed, origin)}
        if origin == self.name(code):
            waiting = "SELECT rid FROM federation_pending WHERE audience = 'up'"
            found |= {bytes(row[0]) for row in self.ask(code, waiting)}
        return found

    def name(self, code: str) -> str:
        """The registry name of a centre."""
        identity: dict[str, str] = json.loads((self.sites[code].keys / "identity.json").read_text(encoding="utf-8"))
        return identity["name"]

    def is_linked(self, code: str) -> bool:
        """Whether a centre holds the newest frame of each stream that its child sends up."""
        below = {TOP: MIDDLE, MIDDLE: LOW}[code]
        held = {bytes(row[0]) for row in self.ask(code, "SELECT frame_hash FROM federation_stream")}
        query = (
            "SELECT frame_hash FROM federation_stream WHERE origin = ? AND audience NOT LIKE 'down:%' AND head_pos > 0"
        )
        heads = {bytes(row[0]) for row in self.ask(below, query, self.name(below))}
        waiting = self.ask(below, "SELECT count(*) FROM federation_pending WHERE audience NOT LIKE 'down:%'")
        return bool(heads) and heads <= held and waiting == [(0,)]

    def incidents(self, code: str) -> set[str]:
        """The incidents that a centre knows."""
        return {_uuid(row[0]) for row in self.ask(code, "SELECT id FROM incident")}

    def alarms(self, code: str) -> dict[str, int]:
        """How often each code rang at a centre."""
        return dict(self.ask(code, "SELECT code, count(*) FROM federation_alarm GROUP BY code"))

    def unsettled(self, code: str) -> int:
        """How many neighbours a centre still waits for after a restore."""
        return int(self.ask(code, "SELECT count(*) FROM federation_unsettled")[0][0])

    def doubled(self, code: str) -> int:
        """Steps of incidents that a centre applied more than once."""
        grouped = "SELECT 1 FROM incident_event GROUP BY incident_id, centre, act, at HAVING count(*) > 1"
        query = f"SELECT count(*) FROM ({grouped})"  # noqa: S608 - words of this file
        return int(self.ask(code, query)[0][0])

    # disks -------------------------------------------------------------------------------------------------------

    def back_up(self, code: str) -> Path:
        """A copy of a centre's database, taken while it may be running."""
        backup = self.sites.folder / f"{code}.backup"
        backup.unlink(missing_ok=True)
        source, target = sqlite3.connect(self.sites[code].folder / "node.db"), sqlite3.connect(backup)
        with closing(source), closing(target):
            source.backup(target)
        return backup

    def put_back(self, code: str, backup: Path) -> None:
        """Replace the database of a centre that does not run, and say so as the manual asks."""
        for suffix in ("", "-wal", "-shm"):
            (self.sites[code].folder / f"node.db{suffix}").unlink(missing_ok=True)
        shutil.copy(backup, self.sites[code].folder / "node.db")
        self.command("restore", "begin", "--config", str(self.sites[code].settings), "--reason", "drill")

    def command(self, *arguments: str) -> str:
        """What a command of this program says; DrillFailed with its words if it fails."""
        run = subprocess.run(  # noqa: S603 - our own interpreter with our own arguments
            [sys.executable, "-m", "node", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False
        )
        if run.returncode != 0:
            raise DrillFailed(f"{' '.join(arguments[:2])}: {run.stderr.strip()[-500:]}")
        return run.stdout


@contextmanager
def stage(folder: Path, clock: Clock, tell: Callable[[str], None]) -> Iterator[Stage]:
    """Room for three centres; their processes end with it, whatever happens."""
    plan = DemoPlan.load()
    three = replace(plan, centres=tuple(plan.centre(code) for code in (TOP, MIDDLE, LOW)))
    sites = place(folder, three, habit=False)
    running = Running(sites, clock, tell)
    try:
        yield Stage(sites, running, clock)
    finally:
        running.children.end_now()


def clone_of(made: Stage, code: str, like: Site) -> Site:
    """A second machine with everything that a centre has, on other ports."""
    original = made.sites[code]
    folder = made.sites.folder / "clone"
    shutil.copytree(original.folder, folder, ignore=shutil.ignore_patterns("node.db*", "node.sock", "node.lock"))
    shutil.copy(made.back_up(code), folder / "node.db")
    text = original.settings.read_text(encoding="utf-8")
    for mine, other in ((original.http, like.http), (original.link, like.link), (original.enrol, like.enrol)):
        text = text.replace(f":{mine}", f":{other}")
    centre = replace(original.centre, code="clone")
    site = replace(original, centre=centre, folder=folder, log=original.log.with_name("clone.log"), http=like.http)
    site.settings.write_text(text, encoding="utf-8")
    return site


def _uuid(raw: object) -> str:
    return str(UUID(bytes=raw) if isinstance(raw, bytes) else UUID(str(raw)))
