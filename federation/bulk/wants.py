"""Rows of what is wanted and what is held: steps for the one writer, and looks for readers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import RowMapping, delete, func, insert, select, update
from sqlalchemy.orm import Session

from federation import tables
from federation.bulk.manifest import Manifest, open_manifest
from federation.frame import from_us, to_us
from federation.storage import touch

TOPIC = "bulk"
_want, _copy = tables.want, tables.copy


class WantState(StrEnum):
    """How it stands with something that is wanted."""

    ASKED = "asked"
    COMING = "coming"
    REFUSED = "refused"
    CANCELLED = "cancelled"

    @property
    def is_open(self) -> bool:
        """Whether it may still come."""
        return self in {WantState.ASKED, WantState.COMING}


_OPEN = tuple(state for state in WantState if state.is_open)


class BulkRefused(Exception):  # noqa: N818 - says what is so
    """An object does not travel; `code` names the rule, `reason` is for a person, `said_by` the centre that says so."""

    def __init__(self, code: str, reason: str, said_by: str = "") -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason
        self.said_by = said_by


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """An object that somebody asked for: by which hashes, about what, and who it was, why and when."""

    digest: bytes
    manifest_hash: bytes
    subject: str
    asker: str
    asked_by: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """A wish of this node's, the child that it is to come from, and how it stands."""

    wish: Wish
    size: int
    media_type: str
    peer: str
    state: WantState
    code: str
    detail: str
    said_by: str
    changed_at: datetime
    manifest: Manifest | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """An object that lies in the folder of objects."""

    manifest: Manifest
    sender: str
    subject: str
    at: datetime
    until: datetime


def ask(session: Session, wish: Wish, *, size: int, media_type: str, peer: str) -> None:
    """Want an object; one that was wanted before and did not come is wanted anew."""
    values = {
        "manifest_hash": wish.manifest_hash,
        "size": size,
        "media_type": media_type,
        "peer": peer,
        "subject": wish.subject,
        "asker": wish.asker,
        "asked_by": wish.asked_by,
        "reason": wish.reason,
        "asked_at_us": to_us(wish.at),
        "state": WantState.ASKED,
        "code": "",
        "detail": "",
        "said_by": "",
        "at_us": to_us(wish.at),
    }
    known = find(session, wish.digest)
    if known is None:
        session.execute(insert(_want).values(values | {"digest": wish.digest, "manifest": b""}))
    elif not known.state.is_open:
        kept = known.manifest is not None and known.wish.manifest_hash == wish.manifest_hash
        fresh = {} if kept else {"manifest": b""}
        session.execute(update(_want).where(_want.c.digest == wish.digest).values(values | fresh))
    touch(session, TOPIC)


def find(session: Session, digest: bytes) -> Want | None:
    """What is wanted under that hash."""
    row = session.execute(select(_want).where(_want.c.digest == digest)).mappings().first()
    return None if row is None else _value(row)


def open_wants(session: Session, peer: str) -> list[Want]:
    """What is to come from a child, the longest waiting first."""
    query = select(_want).where(_want.c.peer == peer, _want.c.state.in_(_OPEN))
    return [_value(row) for row in session.execute(query.order_by(_want.c.asked_at_us, _want.c.digest)).mappings()]


def open_errands(session: Session, me: str) -> list[Want]:
    """What is wanted for somebody at another centre."""
    query = select(_want).where(_want.c.asker != me, _want.c.state.in_(_OPEN))
    return [_value(row) for row in session.execute(query).mappings()]


def offered(session: Session, manifest: Manifest, now: datetime) -> None:
    """The child named the chunks, and they are the right ones."""
    _change(session, manifest.digest, now, state=WantState.COMING, manifest=manifest.raw, code="", detail="")


def told(session: Session, digest: bytes, *, code: str, detail: str, said_by: str, now: datetime) -> None:
    """The child itself waits for the object; nothing is decided."""
    _change(session, digest, now, state=WantState.ASKED, code=code, detail=detail, said_by=said_by)


def refuse(session: Session, digest: bytes, refused: BulkRefused, now: datetime) -> None:
    """It does not come, and why."""
    _change(
        session,
        digest,
        now,
        state=WantState.REFUSED,
        code=refused.code[:32],
        detail=refused.reason,
        said_by=refused.said_by,
    )


def cancel(session: Session, digest: bytes, now: datetime) -> bool:
    """It is not wanted any more; whether it was."""
    known = find(session, digest)
    if known is None or not known.state.is_open:
        return False
    _change(session, digest, now, state=WantState.CANCELLED, code="", detail="", said_by="")
    return True


def _change(session: Session, digest: bytes, now: datetime, **values: object) -> None:
    still = (_want.c.digest == digest) & _want.c.state.in_(_OPEN)
    session.execute(update(_want).where(still).values(**values, at_us=to_us(now)))
    touch(session, TOPIC)


def keep(session: Session, manifest: Manifest, *, sender: str, subject: str, now: datetime, days: float) -> None:
    """Write down that an object is held, until when, and that it is not wanted any more."""
    session.execute(delete(_copy).where(_copy.c.digest == manifest.digest))
    session.execute(delete(_want).where(_want.c.digest == manifest.digest))
    session.execute(
        insert(_copy).values(
            digest=manifest.digest,
            manifest=manifest.raw,
            size=manifest.size,
            media_type=manifest.media_type,
            sender=sender,
            subject=subject,
            at_us=to_us(now),
            until_us=to_us(now + timedelta(days=days)),
        )
    )
    touch(session, TOPIC)


def copy_of(session: Session, digest: bytes) -> Copy | None:
    """The copy that is held under that hash."""
    row = session.execute(select(_copy).where(_copy.c.digest == digest)).first()
    if row is None:
        return None
    return Copy(
        manifest=open_manifest(bytes(row.manifest)),
        sender=row.sender,
        subject=row.subject,
        at=from_us(row.at_us),
        until=from_us(row.until_us),
    )


def forget(session: Session, digest: bytes) -> None:
    """The copy is not held any more."""
    session.execute(delete(_copy).where(_copy.c.digest == digest))
    touch(session, TOPIC)


def end_now(session: Session, digests: Sequence[bytes], now: datetime) -> None:
    """The time of these copies is over: what they are of was deleted where it came from."""
    session.execute(update(_copy).where(_copy.c.digest.in_(digests)).values(until_us=to_us(now)))
    touch(session, TOPIC)


def overdue(session: Session, now: datetime, limit: int) -> list[Copy]:
    """Copies whose time is over, the oldest first."""
    query = select(_copy.c.digest).where(_copy.c.until_us <= to_us(now)).order_by(_copy.c.until_us).limit(limit)
    found = [copy_of(session, bytes(digest)) for digest in session.scalars(query)]
    return [one for one in found if one is not None]


def known_names(session: Session) -> frozenset[bytes]:
    """The hashes of everything that is held or still wanted."""
    held = session.scalars(select(_copy.c.digest))
    wanted = session.scalars(select(_want.c.digest).where(_want.c.state.in_(_OPEN)))
    return frozenset(bytes(one) for one in (*held, *wanted))


def used_bytes(session: Session, sender: str | None = None) -> int:
    """How much is held or coming: in all, or from one child."""
    held, coming = select(func.sum(_copy.c.size)), select(func.sum(_want.c.size)).where(_want.c.state.in_(_OPEN))
    if sender is not None:
        held, coming = held.where(_copy.c.sender == sender), coming.where(_want.c.peer == sender)
    return int(session.scalar(held) or 0) + int(session.scalar(coming) or 0)


def _value(found: RowMapping) -> Want:
    wish = Wish(
        digest=bytes(found["digest"]),
        manifest_hash=bytes(found["manifest_hash"]),
        subject=found["subject"],
        asker=found["asker"],
        asked_by=found["asked_by"],
        reason=found["reason"],
        at=from_us(found["asked_at_us"]),
    )
    return Want(
        wish=wish,
        size=found["size"],
        media_type=found["media_type"],
        peer=found["peer"],
        state=WantState(found["state"]),
        code=found["code"],
        detail=found["detail"],
        said_by=found["said_by"],
        changed_at=from_us(found["at_us"]),
        manifest=open_manifest(bytes(found["manifest"])) if found["manifest"] else None,
    )
