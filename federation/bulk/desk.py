"""The side that wants: it tells its children what, and takes what they bring, each chunk against the signed hash."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from federation.alarm import raise_alarm
from federation.bulk import wants
from federation.bulk.manifest import Manifest, ManifestInvalid, manifest_hash, open_manifest
from federation.bulk.objects import ObjectDamaged, ObjectStore
from federation.bulk.rules import Rules
from federation.bulk.wants import BulkRefused, Want
from federation.bulk.wishes import REASON_LIMIT, tell_wishes
from federation.house import Clock
from federation.storage import Storage
from federation.v1 import bulk_pb2 as wire

DONE, LATER, FETCHING, STORAGE = "DONE", "LATER", "FETCHING", "STORAGE"
ALARM = "BAD_OBJECT"
MOST_AT_ONCE = 4
QUIET_S = 30.0
RESERVE_BYTES = 256 * 1024 * 1024


@dataclass(slots=True, kw_only=True)
class ObjectDesk:
    """What one node wants of its children and how far it is; safe from any thread."""

    name: str
    storage: Storage
    clock: Clock
    store: ObjectStore
    rules: Rules
    on_progress: Callable[[], None] = lambda: None
    reserve_bytes: int = RESERVE_BYTES
    _held: dict[bytes, int] = field(default_factory=dict)
    _told: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    _active: dict[bytes, float] = field(default_factory=dict)
    _listening: dict[str, int] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    # what a screen asks ------------------------------------------------------------------------------------------

    def listens(self, child: str) -> bool:
        """Whether a child is asking at this moment what is wanted."""
        return self._listening.get(child, 0) > 0

    def progress(self, want: Want) -> tuple[int, int]:
        """How many bytes of how many are there: here, or, while the child fetches it itself, at the child."""
        if want.manifest is None:
            return self._told.get(want.wish.digest, (0, want.size))
        return min(self._chunks(want.manifest) * want.manifest.chunk_size, want.size), want.size

    def _chunks(self, manifest: Manifest) -> int:
        with self._lock:
            if manifest.digest not in self._held:
                self._held[manifest.digest] = self.store.held(manifest)
            return self._held[manifest.digest]

    # what a child calls ------------------------------------------------------------------------------------------

    def enter(self, child: str, step: int) -> None:
        """Count the calls of a child that are held open."""
        with self._lock:
            self._listening[child] = self._listening.get(child, 0) + step

    def wishes(self, child: str) -> wire.WantedObjects:
        """What is to come from this child, and a mark that changes with it."""
        return tell_wishes(self.storage.read(lambda session: wants.open_wants(session, child)))

    def offer(self, child: str, offer: wire.ObjectOffer) -> wire.ObjectVerdict:
        """Take the manifest if its hash is the one that was signed; which chunk is the next."""
        want = self._want(child, offer.digest)
        if want is None:
            return _not_wanted()
        if len(self._busy()) >= MOST_AT_ONCE and want.wish.digest not in self._active:
            return wire.ObjectVerdict(code=LATER, reason="others are being brought")
        if self.store.room() < want.size + self.reserve_bytes:
            return wire.ObjectVerdict(code=STORAGE, reason="the disk is nearly full")
        try:
            manifest = _right(want, offer.manifest)
        except ManifestInvalid as error:
            return self._bad(want, "BAD_MANIFEST", str(error))
        self.storage.write(lambda session: wants.offered(session, manifest, self.clock.now()))
        self._touch(manifest.digest)
        return self._next(want, manifest)

    def bring(self, child: str, chunk: wire.ObjectChunk) -> wire.ObjectVerdict:
        """Take a chunk if it is the next one and its hash is right."""
        want = self._want(child, chunk.digest)
        if want is None or want.manifest is None:
            return _not_wanted()
        manifest = want.manifest
        with self._lock:
            number = self._chunks(manifest)
            if chunk.number != number:
                return self._next(want, manifest)
            if not manifest.fits(number, chunk.data):
                return self._bad(want, "BAD_CHUNK", f"chunk {number} is not what the signed manifest says")
            try:
                self.store.append(manifest, number, chunk.data)
            except OSError as error:
                return wire.ObjectVerdict(code=STORAGE, reason=f"the disk does not take it: {error.strerror}")
            self._held[manifest.digest] = number + 1
        self._touch(manifest.digest)
        self.on_progress()
        return self._next(want, manifest)

    def answer(self, child: str, answer: wire.ObjectAnswer) -> wire.ObjectVerdict:
        """Hear that the child fetches the object itself, or that it does not come."""
        want = self._want(child, answer.digest)
        if want is None:
            return _not_wanted()
        reason, said_by, now = answer.reason[:REASON_LIMIT], answer.said_by[:80] or child, self.clock.now()
        if answer.code == FETCHING:
            self._told[want.wish.digest] = (min(answer.held, want.size), want.size)
            if (want.code, want.said_by) != (FETCHING, said_by):
                self.storage.write(
                    lambda session: wants.told(
                        session, want.wish.digest, code=FETCHING, detail=reason, said_by=said_by, now=now
                    )
                )
            self.on_progress()
        else:
            self._end(want, BulkRefused(answer.code[:32] or "REFUSED", reason, said_by))
        return wire.ObjectVerdict(code=DONE)

    # inside ------------------------------------------------------------------------------------------------------

    def _want(self, child: str, digest: bytes) -> Want | None:
        """What is wanted under the hash of this very child, and of nobody else."""
        want = self.storage.read(lambda session: wants.find(session, digest))
        return want if want is not None and want.peer == child and want.state.is_open else None

    def _next(self, want: Want, manifest: Manifest) -> wire.ObjectVerdict:
        number = self._chunks(manifest)
        if number < len(manifest.chunks):
            return wire.ObjectVerdict(next=number)
        with self._lock:
            try:
                self.store.finish(manifest)
            except ObjectDamaged as error:
                self._held.pop(manifest.digest, None)
                return self._bad(want, "BAD_OBJECT", str(error))
            except OSError as error:
                return wire.ObjectVerdict(code=STORAGE, reason=f"the disk does not take it: {error.strerror}")
        self.storage.write(lambda session: self._keep(session, want, manifest))
        self.forget(manifest.digest)
        return wire.ObjectVerdict(code=DONE)

    def _keep(self, session: Session, want: Want, manifest: Manifest) -> None:
        now, days = self.clock.now(), self.rules.keep_days
        wants.keep(session, manifest, sender=want.peer, subject=want.wish.subject, now=now, days=days)
        self.rules.got(session, want)

    def _bad(self, want: Want, code: str, reason: str) -> wire.ObjectVerdict:
        """A child that brings what its own signed record does not name is named, and nothing of it is kept."""
        self.store.coming(want.wish.digest).unlink(missing_ok=True)
        self._end(want, BulkRefused(code, reason, self.name))

        def ring(session: Session) -> None:
            subject = want.wish.digest.hex()
            raise_alarm(
                session.connection(), ALARM, at=self.clock.now(), peer=want.peer, subject=subject, detail=reason
            )

        self.storage.write(ring)
        return wire.ObjectVerdict(code=code, reason=reason)

    def _end(self, want: Want, refused: BulkRefused) -> None:
        now = self.clock.now()
        self.storage.write(lambda session: wants.refuse(session, want.wish.digest, refused, now))
        self.forget(want.wish.digest)

    def forget(self, digest: bytes) -> None:
        """Nothing of it is coming any more."""
        with self._lock:
            for known in (self._held, self._told, self._active):
                known.pop(digest, None)

    def _touch(self, digest: bytes) -> None:
        with self._lock:
            self._active[digest] = self.clock.monotonic()

    def _busy(self) -> list[bytes]:
        since = self.clock.monotonic() - QUIET_S
        with self._lock:
            for digest in [one for one, at in self._active.items() if at < since]:
                del self._active[digest]
            return list(self._active)


def _right(want: Want, raw: bytes) -> Manifest:
    """The manifest, if it is the signed one and says what the record says; raises ManifestInvalid."""
    if manifest_hash(raw) != want.wish.manifest_hash:
        raise ManifestInvalid("another manifest than the one whose hash was signed")
    manifest = open_manifest(raw)
    said = (manifest.digest, manifest.size, manifest.media_type)
    if said != (want.wish.digest, want.size, want.media_type):
        raise ManifestInvalid("the manifest says something else than the signed record")
    return manifest


def _not_wanted() -> wire.ObjectVerdict:
    return wire.ObjectVerdict(code="NOT_WANTED", reason="this is not wanted of you now")
