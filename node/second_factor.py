"""The second factor: a telephone that knows a secret, and ten codes on paper for the day when it is lost.

The secret is kept sealed with a key that lies in the keys' folder, so that a copy of the database signs nobody in. What
is on paper is kept as keyed digests. A code works once, whichever kind it is.
"""

import base64
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from node import audit, totp
from node.tables import recovery_code, second_factor

RECOVERY_CODES = 10
_KEY_BYTES, _NONCE_BYTES = 32, 12
_RECOVERY_BYTES = 10  # 80 bits, 16 letters


class FactorKey:
    """Seals what telephones know, for one purpose each, and digests codes on paper."""

    def __init__(self, key: bytes) -> None:
        """Take the key of this node."""
        self._box = AESGCM(key[:_KEY_BYTES])
        self._key = key

    def seal(self, secret: bytes, purpose: str, random: Callable[[int], bytes]) -> str:
        """Close a secret so that only this key and the same purpose open it."""
        nonce = random(_NONCE_BYTES)
        return base64.urlsafe_b64encode(nonce + self._box.encrypt(nonce, secret, purpose.encode())).decode()

    def open(self, sealed: str, purpose: str) -> bytes | None:
        """Open what was sealed for this purpose; None for anything else."""
        try:
            raw = base64.urlsafe_b64decode(sealed)
            return self._box.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], purpose.encode())
        except (InvalidTag, ValueError):
            return None

    def digest(self, username: str, code: str) -> str:
        """Digest a code on paper; worth nothing without the key."""
        return hmac.digest(self._key, f"recovery\n{username}\n{_bare(code)}".encode(), "sha256").hex()


@dataclass(frozen=True, slots=True)
class Factor:
    """What is kept of somebody's second factor."""

    sealed: str
    since: datetime
    step: int
    recovery_left: int


def of(session: Session, username: str) -> Factor | None:
    """Give somebody's second factor; None if there is none."""
    row = session.execute(select(second_factor).where(second_factor.c.username == username)).first()
    if row is None:
        return None
    return Factor(row.sealed, row.since, row.step, _left(session, username))


def holders(session: Session) -> dict[str, int]:
    """Give the names of all who have one, with the codes on paper that each has left."""
    names = session.scalars(select(second_factor.c.username)).all()
    return {name: _left(session, name) for name in names}


def is_code(session: Session, key: FactorKey, username: str, code: str, now: datetime) -> bool:
    """Take a code, of the telephone or on paper, and use it up; False for any that does not hold, or does no more."""
    factor, given = of(session, username), _bare(code)
    if factor is None:
        return False
    if len(given) != totp.DIGITS or not given.isdecimal():
        return _use_paper(session, key, username, given, now)
    secret = key.open(factor.sealed, purpose(username))
    step = totp.matching_step(secret, given, now, after=factor.step) if secret else None
    if step is None:
        return False
    session.execute(update(second_factor).where(second_factor.c.username == username).values(step=step))
    return True


def put(
    session: Session, key: FactorKey, username: str, *, sealed: str, step: int, codes: list[str], now: datetime
) -> None:
    """Begin to ask for a telephone that has just shown a code of this step; replaces the one before."""
    session.execute(delete(second_factor).where(second_factor.c.username == username))
    session.execute(insert(second_factor).values(username=username, sealed=sealed, since=now, step=step))
    _put_paper(session, key, username, codes)
    audit.record(session, actor=username, act="factor.set", subject=username, now=now)


def renew_paper(session: Session, key: FactorKey, username: str, codes: list[str], now: datetime) -> None:
    """Replace the codes on paper; those before hold no more."""
    _put_paper(session, key, username, codes)
    audit.record(session, actor=username, act="factor.recovery", subject=username, now=now)


def remove(session: Session, username: str, *, actor: str, now: datetime) -> bool:
    """Ask for no telephone any more; False if none was asked for."""
    session.execute(delete(recovery_code).where(recovery_code.c.username == username))
    removed = session.execute(
        delete(second_factor).where(second_factor.c.username == username).returning(second_factor.c.username)
    ).all()
    if removed:
        audit.record(session, actor=actor, act="factor.remove", subject=username, now=now)
    return bool(removed)


def new_codes(random: Callable[[int], bytes]) -> list[str]:
    """Make codes for paper, in groups of four letters."""
    spelled = (base64.b32encode(random(_RECOVERY_BYTES)).decode().lower() for _ in range(RECOVERY_CODES))
    return ["-".join(one[start : start + 4] for start in range(0, len(one), 4)) for one in spelled]


def purpose(username: str) -> str:
    """What the secret of somebody's telephone is sealed for."""
    return f"telephone of {username}"


def _use_paper(session: Session, key: FactorKey, username: str, given: str, now: datetime) -> bool:
    digest = key.digest(username, given)
    fresh = (recovery_code.c.username == username, recovery_code.c.digest == digest, recovery_code.c.used_at.is_(None))
    used = session.execute(update(recovery_code).where(*fresh).values(used_at=now).returning(recovery_code.c.digest))
    if not used.all():
        return False
    detail = {"left": _left(session, username)}
    audit.record(session, actor=username, act="factor.recovery_used", subject=username, detail=detail, now=now)
    return True


def _put_paper(session: Session, key: FactorKey, username: str, codes: list[str]) -> None:
    session.execute(delete(recovery_code).where(recovery_code.c.username == username))
    rows = [{"username": username, "digest": key.digest(username, code), "used_at": None} for code in codes]
    session.execute(insert(recovery_code), rows)


def _left(session: Session, username: str) -> int:
    fresh = (recovery_code.c.username == username, recovery_code.c.used_at.is_(None))
    return session.scalar(select(func.count()).select_from(recovery_code).where(*fresh)) or 0


def _bare(code: str) -> str:
    return "".join(code.split()).replace("-", "").lower()[:64]
