"""How one node is at one moment, from its own instruments alone.

*Unknown* is not *down*: a neighbour that was never heard since this node started is unknown, one that was heard and is
silent now is lost, and neither says anything about the neighbour's own state.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from cryptography import x509
from sqlalchemy.orm import Session

from federation import alarm, settlement
from federation.peer import PeerState
from node.ballast import MARGIN_BYTES
from node.context import NodeContext
from node.engines import is_sqlite
from node.job import JobState
from pki.keystore import Keystore

FEW_DAYS = timedelta(days=14)
LITTLE_ROOM_BYTES = 1024 * 1024 * 1024
LATE_JOB_PERIODS = 10


class State(StrEnum):
    """What to think of something: in order, to be watched, to be mended now, or not known."""

    OK = "ok"
    WATCH = "watch"
    ALARM = "alarm"
    UNKNOWN = "unknown"


class LinkState(StrEnum):
    """A neighbour as this node hears it."""

    CONNECTED = "connected"
    LOST = "lost"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Certificate:
    """One of the node's certificates: `auth`, `sign`, `issuing` or `root`."""

    name: str
    not_after: datetime

    def state(self, now: datetime) -> State:
        """To be watched in its last fourteen days, to be mended once it is over."""
        left = self.not_after - now
        return State.ALARM if left <= timedelta() else State.WATCH if left < FEW_DAYS else State.OK


@dataclass(frozen=True, slots=True)
class Disk:
    """The file system that the node's folder is on; bytes."""

    free: int
    total: int

    def state(self, ballast_bytes: int) -> State:
        """To be mended where only the ballast is left, to be watched below one gibibyte."""
        if self.free < ballast_bytes + MARGIN_BYTES:
            return State.ALARM
        return State.WATCH if self.free < LITTLE_ROOM_BYTES else State.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """All of it, as of `at`; `database_bytes` is None where a server keeps the database."""

    at: datetime
    started_at: datetime
    peers: Sequence[PeerState]
    jobs: Sequence[JobState]
    certificates: Sequence[Certificate]
    disk: Disk
    database_bytes: int | None
    ballast_bytes: int
    alarms: dict[str, int]
    unsettled: int
    tls_refusals: int = 0


class Instruments:
    """Reads the health of one running node; cheap enough to be asked every few seconds, and from any thread."""

    def __init__(
        self,
        context: NodeContext,
        keystore: Keystore,
        jobs: Callable[[], Sequence[JobState]],
        *,
        ballast_bytes: int = 0,
        tls_refusals: Callable[[], int] = int,
    ) -> None:
        """Take the node, its keys for their certificates' dates, and its jobs."""
        self._context = context
        self._certificates = tuple(certificates(keystore))
        self._jobs = jobs
        self._ballast_bytes = ballast_bytes
        self._tls_refusals = tls_refusals
        self._started_at = context.clock.now()

    def read(self) -> Health:
        """How the node is now."""
        context = self._context
        alarms, unsettled = context.database.read(_counts)
        return Health(
            at=context.clock.now(),
            started_at=self._started_at,
            peers=context.peers(),
            jobs=self._jobs(),
            certificates=self._certificates,
            disk=disk_of(context.settings.node.folder),
            database_bytes=_database_bytes(context),
            ballast_bytes=self._ballast_bytes,
            alarms=alarms,
            unsettled=unsettled,
            tls_refusals=self._tls_refusals(),
        )


def _counts(session: Session) -> tuple[dict[str, int], int]:
    return alarm.counts(session), len(settlement.unsettled(session))


def certificates(keystore: Keystore) -> Iterator[Certificate]:
    """The node's certificates with their ends."""
    pems = {"auth": keystore.tls_chain_pem, "issuing": keystore.issuing_pem, "root": keystore.root_pem}
    for name, pem in pems.items():
        yield Certificate(name, x509.load_pem_x509_certificates(pem)[0].not_valid_after_utc)
    yield Certificate("sign", x509.load_der_x509_certificate(keystore.sign_certificate).not_valid_after_utc)


def disk_of(folder: Path) -> Disk:
    """How much room there is for this folder."""
    found = os.statvfs(folder)
    return Disk(found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize)


def _database_bytes(context: NodeContext) -> int | None:
    url = context.settings.database_url
    if not is_sqlite(url):
        return None
    file = Path(url.removeprefix("sqlite:///"))
    parts = [file, file.with_name(f"{file.name}-wal")]
    return sum(one.stat().st_size for one in parts if one.exists())


def link_state(peer: PeerState) -> LinkState:
    """What this node may say of a neighbour: that it hears it, that it does not any more, or that it never did."""
    if peer.connected:
        return LinkState.CONNECTED
    return LinkState.UNKNOWN if peer.last_heard_at is None else LinkState.LOST


def job_state(job: JobState) -> State:
    """A job that fails again and again is to be watched; one that never ran is not known."""
    if job.failures:
        return State.WATCH
    return State.UNKNOWN if job.last_ok_at is None else State.OK
