"""Sessions on the server's side: a token is worth something only while its row says so.

A session may have steps before it: a password that must be replaced, a telephone's code, a telephone to set up. Each
has a row of its own that opens nothing but the next step, so that no token of an earlier one turns into a session.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from node.database import touch
from node.role import PERMISSIONS, Principal, Role
from node.tables import account, login

LASTS = timedelta(hours=12)  # a shift
STEP_LASTS = timedelta(minutes=10)
KEPT = timedelta(days=90)
TOPIC = "login"


class Stage(StrEnum):
    """How far somebody has come."""

    CODE = "code"  # the password was right, the telephone's code is asked for
    PASSWORD = "password"  # noqa: S105 - a stage: a one-time password must be replaced
    ENROL = "enrol"  # a telephone must be set up
    OPEN = "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """From where somebody comes, as far as a browser tells."""

    address: str = "-"
    device: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sitting:
    """One open session, as its owner and an administrator see it."""

    jti: str
    username: str
    begun_at: datetime
    seen_at: datetime
    expires_at: datetime
    address: str
    device: str


def begin(
    session: Session,
    *,
    jti: str,
    username: str,
    now: datetime,
    lasts: timedelta = LASTS,
    stage: Stage = Stage.OPEN,
    visit: Visit | None = None,
) -> datetime:
    """Open a session, or a step before one, and say when it ends; forget those that ended long ago."""
    from_where = visit or Visit()
    expires_at = now + (lasts if stage is Stage.OPEN else STEP_LASTS)
    session.execute(delete(login).where(login.c.expires_at < now - KEPT))
    session.execute(
        insert(login).values(
            jti=jti,
            username=username,
            begun_at=now,
            expires_at=expires_at,
            stage=stage.value,
            address=from_where.address[:64],
            device=from_where.device[:200],
            seen_at=now,
        )
    )
    return expires_at


def end(session: Session, jti: str, now: datetime) -> str | None:
    """Close one session, for good; say whose it was, None if it was not open."""
    ended: str | None = session.scalar(
        update(login)
        .where(login.c.jti == jti, login.c.ended_at.is_(None))
        .values(ended_at=now)
        .returning(login.c.username)
    )
    touch(session, TOPIC)
    return ended


def owner_of(session: Session, jti: str) -> str | None:
    """Say whose session it is or was; None if there is none."""
    owner: str | None = session.scalar(select(login.c.username).where(login.c.jti == jti))
    return owner


def end_all(session: Session, username: str, now: datetime, *, but: str = "") -> int:
    """Close every session of a person, for good, but one if it is named; say how many."""
    closing = update(login).where(login.c.username == username, login.c.ended_at.is_(None), login.c.jti != but)
    ended = session.execute(closing.values(ended_at=now).returning(login.c.jti)).all()
    touch(session, TOPIC)
    return len(ended)


def end_oldest(session: Session, username: str, now: datetime, *, most: int) -> None:
    """Close what somebody has open beyond so many, the longest unused first."""
    rows = session.scalars(
        select(login.c.jti)
        .where(login.c.username == username, login.c.stage == Stage.OPEN.value, *_alive(now))
        .order_by(login.c.seen_at.desc(), login.c.begun_at.desc())
        .offset(most)
    ).all()
    for jti in rows:
        end(session, jti, now)


def see(session: Session, jti: str, now: datetime) -> None:
    """Note that a session is in use."""
    session.execute(update(login).where(login.c.jti == jti, login.c.ended_at.is_(None)).values(seen_at=now))


def principal(session: Session, *, jti: str, username: str, now: datetime, idle: timedelta) -> Principal | None:
    """Say who holds the session now; None when it ended, expired, lay unused for too long, or the account is closed."""
    query = (
        select(account.c.username, account.c.display_name, account.c.role, account.c.area_code)
        .join(login, login.c.username == account.c.username)
        .where(login.c.jti == jti, account.c.username == username, account.c.disabled.is_(False))
        .where(login.c.stage == Stage.OPEN.value, *_alive(now, idle))
    )
    row = session.execute(query).first()
    if row is None:
        return None
    role = Role(row.role)
    return Principal(
        username=row.username,
        display_name=row.display_name,
        role=role,
        area_code=row.area_code,
        permissions=PERMISSIONS[role],
        session_id=jti,
    )


def stage_of(session: Session, *, jti: str, username: str, now: datetime) -> Stage | None:
    """Say at which step a token stands; None when that is over, or the account is closed or locked."""
    row = session.execute(
        select(login.c.stage).where(login.c.jti == jti, login.c.username == username, *_alive(now))
    ).first()
    return Stage(row.stage) if row and is_open(session, username=username, now=now) else None


def is_open(session: Session, *, username: str, now: datetime) -> bool:
    """Say whether the account may be entered at all now: neither closed nor locked."""
    row = session.execute(
        select(account.c.disabled, account.c.locked_until).where(account.c.username == username)
    ).first()
    return row is not None and not row.disabled and not (row.locked_until and row.locked_until > now)


def sittings(session: Session, now: datetime, *, idle: timedelta, username: str | None = None) -> tuple[Sitting, ...]:
    """List the sessions that are open, of one person or of all, the last used first."""
    query = select(login).where(login.c.stage == Stage.OPEN.value, *_alive(now, idle))
    if username is not None:
        query = query.where(login.c.username == username)
    rows = session.execute(query.order_by(login.c.seen_at.desc(), login.c.jti).limit(1000))
    return tuple(
        Sitting(
            jti=row.jti,
            username=row.username,
            begun_at=row.begun_at,
            seen_at=row.seen_at or row.begun_at,
            expires_at=row.expires_at,
            address=row.address,
            device=row.device,
        )
        for row in rows
    )


def open_counts(session: Session, now: datetime, *, idle: timedelta) -> dict[str, int]:
    """Say how many sessions each person has open."""
    query = select(login.c.username, func.count()).where(login.c.stage == Stage.OPEN.value, *_alive(now, idle))
    return {name: count for name, count in session.execute(query.group_by(login.c.username))}  # noqa: C416 - rows are no pairs to mypy


def _alive(now: datetime, idle: timedelta | None = None) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [login.c.ended_at.is_(None), login.c.expires_at > now]
    if idle is not None:
        found.append(or_(login.c.seen_at > now - idle, login.c.seen_at.is_(None) & (login.c.begun_at > now - idle)))
    return found
