"""Where each centre of the demo lives: its folder, its ports, its settings file."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from node.demo import ports
from node.demo.plan import DemoPlan, PlannedCentre
from node.demo.ports import LOOPBACK

PERIOD_S = 60  # of figures: a day would show nothing while somebody watches
PORTS_EACH = 6  # http, link, enrol, screens, nats, door; by habit the last two are behind all others


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One centre's place on this machine."""

    centre: PlannedCentre
    folder: Path
    log: Path
    http: int
    link: int
    enrol: int
    screens: int
    nats: int
    door: int
    has_door: bool = False  # whether citizens come in through a process apart

    @property
    def settings(self) -> Path:
        """The node's settings file."""
        return self.folder / "node.toml"

    @property
    def keys(self) -> Path:
        """The folder of the centre's keys, there once it has enrolled."""
        return self.folder / "keys"

    @property
    def socket(self) -> Path:
        """The local socket for this machine's commands."""
        return self.folder / "node.sock"

    @property
    def url(self) -> str:
        """The node itself: API, sign-in."""
        return f"http://{LOOPBACK}:{self.http}"

    @property
    def citizens_url(self) -> str:
        """Where citizens come in: the intake process where there is one, else the node."""
        return f"http://{LOOPBACK}:{self.door if self.has_door else self.http}"

    @property
    def screens_url(self) -> str:
        """The screens' proxy, which passes everything else on to the node."""
        return f"http://{LOOPBACK}:{self.screens}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sites:
    """All places of one demo under one folder."""

    folder: Path
    plan: DemoPlan
    by_code: Mapping[str, Site]
    moved: tuple[str, ...]
    over_nats: bool = False
    period_s: int = PERIOD_S

    def __getitem__(self, code: str) -> Site:
        return self.by_code[code]

    @property
    def authority(self) -> Path:
        """The issuing authority's folder, beside the root centre's keys."""
        return self.by_code[self.plan.root.code].folder / "authority"

    @property
    def root_of_trust(self) -> Path:
        """The "offline" root: used once, then no node is given it."""
        return self.folder / "root-offline"

    @property
    def accounts(self) -> Path:
        """Names and passwords of the demo's people."""
        return self.folder / "accounts.txt"


def place(
    folder: Path,
    plan: DemoPlan,
    *,
    habit: bool,
    over_nats: bool = False,
    with_intake: bool = False,
    period_s: int = PERIOD_S,
) -> Sites:
    """Give each centre (and the planned newcomer) its ports: those of last time, or else by habit or any."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    centres = (*plan.centres, plan.newcomer)
    note = folder / "ports.json"
    earlier: dict[str, list[int]] = json.loads(note.read_text()) if note.exists() else {}
    habits = [_habit(plan, index, len(centres)) if habit else [0] * PORTS_EACH for index in range(len(centres))]
    wishes = [
        [*earlier.get(centre.code, ()), *usual[len(earlier.get(centre.code, ())) :]]
        for centre, usual in zip(centres, habits, strict=True)
    ]
    chosen = ports.choose(port for wish in wishes for port in wish)
    granted = {
        centre.code: chosen[index * PORTS_EACH : (index + 1) * PORTS_EACH] for index, centre in enumerate(centres)
    }
    note.write_text(json.dumps(granted, indent=1))
    return Sites(
        folder=folder,
        plan=plan,
        by_code={
            centre.code: _site(folder, centre, granted[centre.code], has_door=with_intake and centre in plan.leaves())
            for centre in centres
        },
        moved=_moved(centres, wishes, granted),
        over_nats=over_nats,
        period_s=period_s,
    )


def _habit(plan: DemoPlan, index: int, count: int) -> list[int]:
    """The ports that a centre has by habit: four in a row, and two behind those of all centres."""
    four = PORTS_EACH - 2
    return [
        *range(plan.first_port + four * index, plan.first_port + four * (index + 1)),
        plan.first_port + four * count + index,
        plan.first_port + (four + 1) * count + index,
    ]


def _moved(
    centres: Iterable[PlannedCentre], wishes: list[list[int]], granted: Mapping[str, list[int]]
) -> tuple[str, ...]:
    """The wished ports that were taken by somebody else."""
    return tuple(
        f"{wish} -> {got}"
        for centre, wished in zip(centres, wishes, strict=True)
        for wish, got in zip(wished, granted[centre.code], strict=True)
        if wish and wish != got
    )


def _site(folder: Path, centre: PlannedCentre, granted: list[int], *, has_door: bool) -> Site:
    http, link, enrol, screens, nats, door = granted
    return Site(
        centre=centre,
        folder=folder / "nodes" / centre.code,
        log=folder / "logs" / f"{centre.code}.log",
        http=http,
        link=link,
        enrol=enrol,
        screens=screens,
        nats=nats,
        door=door,
        has_door=has_door,
    )


def write_settings(
    sites: Sites, site: Site, *, has_screens: bool = False, citizen: Mapping[str, object] | None = None
) -> None:
    """The centre's settings file: only what differs between nodes, all of it made from the plan and the ports."""
    centre, plan = site.centre, sites.plan
    has_children = bool(plan.children(centre.code))
    lines = [
        "# Written by the demo at each start; the ports may change.",
        "[node]",
        f"tier = {json.dumps(centre.tier)}",
        f"code = {json.dumps(centre.code)}",
        f"title = {json.dumps(centre.title, ensure_ascii=False)}",
        'folder = "."',
        "[http]",
        f'listen = "{LOOPBACK}:{site.http}"',
        "[territory]",
        f"file = {json.dumps(str(plan.territory))}",
        "# The demo's people have no telephones. A real centre leaves this line out: its leaders and administrators",
        "# sign in with a code of their telephone too.",
        "[accounts]",
        "second_factor = []",
        "[presence]",
        "period_s = 5",
        "[figures]",
        f"period_s = {sites.period_s}",
    ]
    if has_screens:
        lines.insert(lines.index("[territory]"), f'public_url = "{site.screens_url}"')
    if has_children:
        lines += ["[link]", f'listen = "{LOOPBACK}:{site.link}"', f'enrol_listen = "{LOOPBACK}:{site.enrol}"']
        if sites.over_nats:
            lines.append(f'nats = "{LOOPBACK}:{site.nats}"')
    if centre.parent:
        parent = sites[centre.parent]
        lines += [
            "[parent]",
            f'address = "{LOOPBACK}:{parent.link}"',
            f'enrol_address = "{LOOPBACK}:{parent.enrol}"',
        ]
        if sites.over_nats:
            lines.append(f'nats = "{LOOPBACK}:{parent.nats}"')
    else:
        lines += ["[authority]", 'folder = "authority"']
    if site.has_door:
        lines += ["[intake]", f'listen = "{LOOPBACK}:{site.door}"']
    if has_children:
        lines += ["[modules]", "enabled = []"]
    else:
        lines += ["[modules]", 'enabled = ["citizen"]', "[modules.citizen]", *_citizen(citizen or {})]
    site.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    site.settings.write_text("\n".join(lines) + "\n", encoding="utf-8")
    site.settings.chmod(0o600)


def _citizen(given: Mapping[str, object]) -> list[str]:
    """Every visitor of the demo comes from one address, so the limits per address are wider than a real centre's."""
    limits: dict[str, object] = {"reports_per_minute": 600, "lookups_per_minute": 6000, **given}
    return [f"{name} = {json.dumps(value)}" for name, value in limits.items()]
