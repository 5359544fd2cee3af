"""Accounts of a centre's people: given out, scoped, locked after failures, closed; one administrator always remains."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.orm import Session

from node import audit
from node.errors import Conflict, Invalid, NotFound
from node.login import end_all
from node.password import LONGEST_PASSWORD, hash_password, is_password
from node.role import Role
from node.tables import account

__all__ = ["LONGEST_PASSWORD", "Account", "hash_password", "is_password"]

ALLOWED_FAILURES = 30  # from all addresses together; one address alone is stopped long before (node/api/session.py)
LOCKED_FOR = timedelta(minutes=15)
CODE_WEIGHT = 3  # a wrong code comes from somebody who knows the password: the tenth in a row closes the account
_USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Somebody who may sign in; the password's hash stays in its row."""

    username: str
    display_name: str
    role: Role
    area_code: str | None
    disabled: bool
    locked_until: datetime | None
    created_at: datetime
    must_change: bool = False
    failures: int = 0


def add(
    session: Session,
    *,
    username: str,
    display_name: str,
    role: Role,
    area_code: str | None,
    password_hash: str,
    actor: str,
    now: datetime,
    must_change: bool = False,
) -> Account:
    """Create an account; raise Invalid or Conflict."""
    if not _USERNAME.fullmatch(username):
        raise Invalid("tên đăng nhập gồm 2-64 ký tự a-z, 0-9, dấu chấm, gạch", errors=[_field("username")])
    if session.execute(select(account.c.username).where(account.c.username == username)).first():
        raise Conflict(f"tên đăng nhập {username} đã có")
    session.execute(
        insert(account).values(
            username=username,
            display_name=_readable(display_name) or username,
            role=role.value,
            area_code=area_code,
            password_hash=password_hash,
            failures=0,
            disabled=False,
            created_at=now,
            password_at=now,
            must_change=must_change,
        )
    )
    detail = {"role": role.value, "area_code": area_code, "one_time": must_change}
    audit.record(session, actor=actor, act="account.add", subject=username, detail=detail, now=now)
    return get(session, username)


def get(session: Session, username: str) -> Account:
    """Give one account; raise NotFound."""
    row = session.execute(select(account).where(account.c.username == username)).first()
    if row is None:
        raise NotFound(f"không có tài khoản {username}")
    return _account(row)


def everyone(session: Session) -> tuple[Account, ...]:
    """List all accounts by name."""
    return tuple(_account(row) for row in session.execute(select(account).order_by(account.c.username)))


def set_password(
    session: Session,
    username: str,
    password_hash: str,
    *,
    actor: str,
    now: datetime,
    must_change: bool = False,
    but: str = "",
) -> Account:
    """Replace the password, lift a lock, and end every session of that person but one that is named."""
    get(session, username)
    values = {"password_hash": password_hash, "password_at": now, "must_change": must_change}
    _set(session, username, **values, failures=0, locked_until=None)
    end_all(session, username, now, but=but)
    act = "account.reset" if must_change else "account.password"
    audit.record(session, actor=actor, act=act, subject=username, now=now)
    return get(session, username)


def set_disabled(session: Session, username: str, *, disabled: bool, actor: str, now: datetime) -> Account:
    """Close an account and its sessions at once, or open it again; the last administrator's stays open."""
    if disabled:
        _keep_one_administrator(session, get(session, username))
        end_all(session, username, now)
    get(session, username)
    _set(session, username, disabled=disabled)
    act = "account.disable" if disabled else "account.enable"
    audit.record(session, actor=actor, act=act, subject=username, now=now)
    return get(session, username)


def set_scope(
    session: Session,
    username: str,
    *,
    role: Role,
    area_code: str | None,
    display_name: str,
    actor: str,
    now: datetime,
) -> Account:
    """Say anew what somebody may do, where, and how the name reads; sessions with the former rights end."""
    before = get(session, username)
    if role is not Role.ADMIN:
        _keep_one_administrator(session, before)
    _set(session, username, role=role.value, area_code=area_code, display_name=_readable(display_name) or username)
    if (before.role, before.area_code) != (role, area_code):
        end_all(session, username, now)
    was = {"role": before.role.value, "area_code": before.area_code}
    detail = {"role": role.value, "area_code": area_code, "before": was}
    audit.record(session, actor=actor, act="account.scope", subject=username, detail=detail, now=now)
    return get(session, username)


def unlock(session: Session, username: str, *, actor: str, now: datetime) -> Account:
    """Lift a lock before its time, and forget the failures that led to it."""
    get(session, username)
    _set(session, username, failures=0, locked_until=None)
    audit.record(session, actor=actor, act="account.unlock", subject=username, now=now)
    return get(session, username)


def is_expired(session: Session, username: str, *, now: datetime, one_time: timedelta) -> bool:
    """Say whether the password is a one-time password whose time is over."""
    row = session.execute(
        select(account.c.must_change, account.c.password_at).where(account.c.username == username)
    ).first()
    return bool(row and row.must_change and row.password_at + one_time < now)


def password_hash_of(session: Session, username: str) -> str | None:
    """Give the hash to compare with; None if nobody has the name."""
    return session.scalar(select(account.c.password_hash).where(account.c.username == username))


def note_failure(
    session: Session,
    username: str,
    now: datetime,
    address: str = "",
    *,
    counts: bool = True,
    weight: int = 1,
    what: str = "password",
) -> None:
    """Record a wrong password or code; the thirtieth in a row that counts closes the account for a quarter of an hour.

    What is tried while it is closed neither counts nor keeps it closed for longer.
    """
    row = session.execute(select(account).where(account.c.username == username)).first()
    detail = {"address": address, "what": what}
    known = username if row else "-"  # what was typed as a name that nobody has may well be a password
    audit.record(session, actor="-", act="login.refused", subject=known, detail=detail, now=now)
    if not counts or row is None or (row.locked_until and row.locked_until > now):
        return
    failures = row.failures + weight
    locked = failures >= ALLOWED_FAILURES
    _set(session, username, failures=0 if locked else failures, locked_until=now + LOCKED_FOR if locked else None)
    if locked:
        audit.record(session, actor="system", act="account.lock", subject=username, now=now)


def note_success(session: Session, username: str) -> None:
    """Forget earlier failures."""
    _set(session, username, failures=0, locked_until=None)


def _set(session: Session, username: str, **values: object) -> None:
    session.execute(update(account).where(account.c.username == username).values(**values))


def _keep_one_administrator(session: Session, one: Account) -> None:
    """Refuse to take away the last account that can give out accounts."""
    if one.role is not Role.ADMIN or one.disabled:
        return
    others = (account.c.role == Role.ADMIN.value, account.c.disabled.is_(False), account.c.username != one.username)
    if not session.scalar(select(func.count()).select_from(account).where(*others)):
        raise Conflict("đây là tài khoản quản trị cuối cùng, không thể khóa hoặc đổi vai trò")


def _account(row: Row[tuple[object, ...]]) -> Account:
    return Account(
        username=row.username,
        display_name=row.display_name,
        role=Role(row.role),
        area_code=row.area_code,
        disabled=row.disabled,
        locked_until=row.locked_until,
        created_at=row.created_at,
        must_change=row.must_change,
        failures=row.failures,
    )


def _readable(name: str) -> str:
    """Keep what can be seen: signs that control a terminal or turn the direction of a line are no part of a name."""
    return "".join(one for one in unicodedata.normalize("NFC", name) if one.isprintable()).strip()[:200]


def _field(name: str) -> dict[str, str]:
    return {"field": name}
