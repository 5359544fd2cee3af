"""What the running node gives to those who work in it: routes, jobs, handlers, modules."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import BaseModel

from node.clock import Clock
from node.database import Database
from node.figures.catalogue import Catalogue
from node.pace import Pace
from node.settings import Settings
from node.territory import Centre, Territory

if TYPE_CHECKING:
    from federation.delivery import LinkAlarm, PeerState
    from node.access import SessionTokens
    from node.catalog import Manifest
    from node.incident.value import IncidentKind
    from node.module import Module
    from node.second_factor import FactorKey
    from pki.registry import RegistryFile


def _nobody() -> tuple["PeerState", ...]:
    return ()


def _nothing() -> tuple["LinkAlarm", ...]:
    return ()


@dataclass(frozen=True, kw_only=True)
class NodeContext:
    """One running node; there may be several in one process, so nothing of it lives in a module's globals."""

    settings: Settings
    centre: Centre
    territory: Territory
    database: Database
    clock: Clock
    random: Callable[[int], bytes]
    kinds: "Mapping[str, IncidentKind]" = field(default_factory=dict)
    registry: "RegistryFile"
    tokens: "SessionTokens"
    factor_key: "FactorKey"
    pace: Pace
    definitions: Catalogue = field(default_factory=Catalogue)  # of indicators
    modules: "tuple[Module, ...]" = ()
    module_settings: Mapping[str, BaseModel] = field(default_factory=dict)  # the sections [modules.<name>], checked
    manifests: "Mapping[str, Manifest]" = field(default_factory=dict)
    peers: "Callable[[], Sequence[PeerState]]" = _nobody
    alarms: "Callable[[], Sequence[LinkAlarm]]" = _nothing
    custody_locked: Callable[[], bool] = lambda: False  # restored, and not yet told all by its neighbours
