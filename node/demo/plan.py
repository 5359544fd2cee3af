"""Which centres the demo has: read from deploy/dongnai/demo.toml."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

PLAN_FILE = Path(__file__).parents[2] / "deploy" / "dongnai" / "demo.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCentre:
    """One centre of the demo; `parent` is a code, empty at the root of the tree."""

    code: str
    tier: str
    title: str
    parent: str = ""
    dashboard: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoPlan:
    """The demo's centres, parents before children, and the territory that they share."""

    label: str
    valid_on: date
    territory: Path
    first_port: int
    centres: tuple[PlannedCentre, ...]
    newcomer: PlannedCentre

    @property
    def root(self) -> PlannedCentre:
        """The one centre without a parent."""
        return self.centres[0]

    def centre(self, code: str) -> PlannedCentre:
        """The centre with this administrative code; KeyError if the demo has none."""
        for centre in self.centres:
            if centre.code == code:
                return centre
        raise KeyError(code)

    def children(self, code: str) -> tuple[PlannedCentre, ...]:
        """The centres whose parent this is."""
        return tuple(centre for centre in self.centres if centre.parent == code)

    def leaves(self) -> tuple[PlannedCentre, ...]:
        """The centres without children: where citizens report."""
        return tuple(centre for centre in self.centres if not self.children(centre.code))

    def levels(self) -> Iterator[tuple[PlannedCentre, ...]]:
        """Root first, then each level below it."""
        level: tuple[PlannedCentre, ...] = (self.root,)
        while level:
            yield level
            level = tuple(child for centre in level for child in self.children(centre.code))

    @staticmethod
    def load(path: Path = PLAN_FILE) -> "DemoPlan":
        """Read the plan; ValueError if the centres do not make one tree."""
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        plan = DemoPlan(
            label=raw["label"],
            valid_on=raw["valid_on"],
            territory=path.parent / raw["territory"],
            first_port=raw["first_port"],
            centres=tuple(PlannedCentre(**centre) for centre in raw["centre"]),
            newcomer=PlannedCentre(**raw["newcomer"]),
        )
        if sum(len(level) for level in plan.levels()) != len(plan.centres):
            raise ValueError(f"{path.name}: the centres do not make one tree, parents before children")
        return plan
