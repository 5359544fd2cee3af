"""Sessions on the server's side: a token is worth something only while its row says so."""

from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from node.role import PERMISSIONS, Principal, Role
from node.tables import account, login

LASTS = timedelta(hours=12)  # a shift
KEPT = timedelta(days=90)


def begin(session: Session, *, jti: str, username: str, now: datetime) -> datetime:
    """Open a session and say when it ends; forget those that ended long ago."""
    expires_at = now + LASTS
    session.execute(delete(login).where(login.c.expires_at < now - KEPT))
    session.execute(insert(login).values(jti=jti, username=username, begun_at=now, expires_at=expires_at))
    return expires_at


def end(session: Session, jti: str, now: datetime) -> None:
    """Close one session, for good."""
    session.execute(update(login).where(login.c.jti == jti, login.c.ended_at.is_(None)).values(ended_at=now))


def end_all(session: Session, username: str, now: datetime) -> None:
    """Close every session of a person, for good."""
    session.execute(update(login).where(login.c.username == username, login.c.ended_at.is_(None)).values(ended_at=now))


def principal(session: Session, *, jti: str, username: str, now: datetime) -> Principal | None:
    """Say who holds the session now; None when it ended, expired, or the account is closed."""
    query = (
        select(account.c.username, account.c.display_name, account.c.role, account.c.area_code)
        .join(login, login.c.username == account.c.username)
        .where(login.c.jti == jti, account.c.username == username, account.c.disabled.is_(False))
        .where(login.c.ended_at.is_(None), login.c.expires_at > now)
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


def is_open(session: Session, *, username: str, now: datetime) -> bool:
    """Say whether the account may be entered at all now: neither closed nor locked."""
    row = session.execute(
        select(account.c.disabled, account.c.locked_until).where(account.c.username == username)
    ).first()
    return row is not None and not row.disabled and not (row.locked_until and row.locked_until > now)
