"""Accounts of a centre's people: argon2id, a lockout after failures, and nothing that tells whether a name exists."""

import re
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy import Row, insert, select, update
from sqlalchemy.orm import Session

from node import audit
from node.errors import Conflict, Invalid, NotFound
from node.login import end_all
from node.role import Role
from node.tables import account

ALLOWED_FAILURES = 30  # from all addresses together; one address alone is stopped long before (node/api/session.py)
LOCKED_FOR = timedelta(minutes=15)
SHORTEST_PASSWORD = 8
LONGEST_PASSWORD = 200

_hasher = PasswordHasher(time_cost=2, memory_cost=32 * 1024, parallelism=1)
# the hash of a forgotten random password: comparing with it spends the same time on a name that nobody has
_NOBODY = "$argon2id$v=19$m=32768,t=2,p=1$vcp0Q6/oykGdMCwgRSz3yQ$HVPFHFCTsn6ltkzDmgKI7wma5DcD9GIIIxkluNe51h0"
_at_once = threading.BoundedSemaphore(2)  # 32 MiB each: a flood of sign-ins must not take the memory of a mini-PC
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


def hash_password(username: str, password: str) -> str:
    """Check the password's form and hash it; slow on purpose, so never inside a step of the writer."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise Invalid(f"mật khẩu cần từ {SHORTEST_PASSWORD} đến {LONGEST_PASSWORD} ký tự", errors=[_field("password")])
    if password.casefold() == username.casefold():
        raise Invalid("mật khẩu không được trùng tên đăng nhập", errors=[_field("password")])
    with _at_once:
        return _hasher.hash(password)


def is_password(password_hash: str | None, password: str) -> bool:
    """Compare; takes as long for a name that nobody has."""
    with _at_once:
        try:
            return _hasher.verify(password_hash or _NOBODY, password[:LONGEST_PASSWORD]) and password_hash is not None
        except (VerifyMismatchError, InvalidHashError):
            return False


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
) -> Account:
    """Create an account; raise Invalid or Conflict."""
    if not _USERNAME.fullmatch(username):
        raise Invalid("tên đăng nhập gồm 2-64 ký tự a-z, 0-9, dấu chấm, gạch", errors=[_field("username")])
    if session.execute(select(account.c.username).where(account.c.username == username)).first():
        raise Conflict(f"tên đăng nhập {username} đã có")
    session.execute(
        insert(account).values(
            username=username,
            display_name=display_name.strip()[:200] or username,
            role=role.value,
            area_code=area_code,
            password_hash=password_hash,
            failures=0,
            disabled=False,
            created_at=now,
            password_at=now,
        )
    )
    detail = {"role": role.value, "area_code": area_code}
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


def set_password(session: Session, username: str, password_hash: str, *, actor: str, now: datetime) -> Account:
    """Replace the password, lift a lock, and end every session of that person."""
    get(session, username)
    values = {"password_hash": password_hash, "password_at": now, "failures": 0, "locked_until": None}
    session.execute(update(account).where(account.c.username == username).values(**values))
    end_all(session, username, now)
    audit.record(session, actor=actor, act="account.password", subject=username, now=now)
    return get(session, username)


def set_disabled(session: Session, username: str, *, disabled: bool, actor: str, now: datetime) -> Account:
    """Close an account and its sessions at once, or open it again."""
    get(session, username)
    session.execute(update(account).where(account.c.username == username).values(disabled=disabled))
    if disabled:
        end_all(session, username, now)
    act = "account.disable" if disabled else "account.enable"
    audit.record(session, actor=actor, act=act, subject=username, now=now)
    return get(session, username)


def password_hash_of(session: Session, username: str) -> str | None:
    """Give the hash to compare with; None if nobody has the name."""
    return session.scalar(select(account.c.password_hash).where(account.c.username == username))


def note_failure(session: Session, username: str, now: datetime, address: str = "", *, counts: bool = True) -> None:
    """Record a wrong password; the thirtieth in a row that counts closes the account for a quarter of an hour.

    What is tried while it is closed neither counts nor keeps it closed for longer.
    """
    row = session.execute(select(account).where(account.c.username == username)).first()
    detail = {"address": address}
    audit.record(session, actor="-", act="login.refused", subject=username, detail=detail, now=now)
    if not counts or row is None or (row.locked_until and row.locked_until > now):
        return
    failures = row.failures + 1
    locked = failures >= ALLOWED_FAILURES
    values = {"failures": 0 if locked else failures, "locked_until": now + LOCKED_FOR if locked else None}
    session.execute(update(account).where(account.c.username == username).values(**values))
    if locked:
        audit.record(session, actor="system", act="account.lock", subject=username, now=now)


def note_success(session: Session, username: str) -> None:
    """Forget earlier failures."""
    session.execute(update(account).where(account.c.username == username).values(failures=0, locked_until=None))


def _account(row: Row[tuple[object, ...]]) -> Account:
    return Account(
        username=row.username,
        display_name=row.display_name,
        role=Role(row.role),
        area_code=row.area_code,
        disabled=row.disabled,
        locked_until=row.locked_until,
        created_at=row.created_at,
    )


def _field(name: str) -> dict[str, str]:
    return {"field": name}
