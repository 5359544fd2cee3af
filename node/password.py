"""Passwords: what may be one, argon2id, and one-time passwords that a person reads out to another."""

import re
import threading
import unicodedata
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from node.errors import Invalid

SHORTEST_PASSWORD = 8  # below this no setting goes
LONGEST_PASSWORD = 200

_COMMON = Path(__file__).with_name("common_passwords.txt")
_ADDED = 4  # so few letters beside a user name or a common word make it no secret
_FEWEST_LETTERS = 5
_LOOK_ALIKE = str.maketrans("@4301!$57", "aaeoiisst")
_ENDS = "".join(map(chr, range(33, 65))) + "[]^_`{|}~\\"
_SYLLABLES = [first + second for first in "bcdghklmnprstvx" for second in "aeiou"]

_hasher = PasswordHasher(time_cost=2, memory_cost=32 * 1024, parallelism=1)
# the hash of a forgotten random password: comparing with it spends the same time on a name that nobody has
_NOBODY = "$argon2id$v=19$m=32768,t=2,p=1$vcp0Q6/oykGdMCwgRSz3yQ$HVPFHFCTsn6ltkzDmgKI7wma5DcD9GIIIxkluNe51h0"
_at_once = threading.BoundedSemaphore(2)  # 32 MiB each: a flood of sign-ins must not take the memory of a mini-PC


def hash_password(username: str, password: str, *, shortest: int = SHORTEST_PASSWORD) -> str:
    """Check what may be a password and hash it; slow on purpose, so never inside a step of the writer."""
    problem = fault(username, password, shortest=shortest)
    if problem:
        raise Invalid(problem, errors=[{"field": "password", "message": problem}])
    with _at_once:
        return _hasher.hash(_composed(password))


def is_password(password_hash: str | None, password: str) -> bool:
    """Compare; takes as long for a name that nobody has."""
    with _at_once:
        try:
            is_right = _hasher.verify(password_hash or _NOBODY, _composed(password[:LONGEST_PASSWORD]))
        except (VerifyMismatchError, InvalidHashError):
            return False
    return is_right and password_hash is not None


def fault(username: str, password: str, *, shortest: int = SHORTEST_PASSWORD) -> str:
    """Say why this cannot be a password; empty if it can. Nothing is asked for but length and not being guessable."""
    folded, name = _composed(password).casefold(), username.casefold()
    if not shortest <= len(password) <= LONGEST_PASSWORD:
        return f"mật khẩu cần từ {shortest} đến {LONGEST_PASSWORD} ký tự"
    if name in folded and len(folded) - len(name) < _ADDED:
        return "mật khẩu không được trùng tên đăng nhập"
    if _is_common(folded):
        return "mật khẩu này nằm trong số hay bị đoán nhất, hãy chọn mật khẩu khác"
    return ""


def one_time_password(random: Callable[[int], bytes]) -> str:
    """Make something that can be read out over the telephone: twelve syllables, about 74 random bits."""
    wanted, said = 12, list[str]()
    while len(said) < wanted:  # a byte that would make some syllables likelier is passed over
        said += [_SYLLABLES[byte % 75] for byte in random(wanted) if byte < 225]  # noqa: PLR2004 - 3 x 75 syllables
    return "-".join("".join(said[start : start + 3]) for start in range(0, wanted, 3))


def _is_common(folded: str) -> bool:
    """Whether it is a common word, also with other ends, marks, look-alikes, or said twice; or hardly any letters."""
    plain = "".join(one for one in unicodedata.normalize("NFD", folded) if not unicodedata.combining(one))
    squeezed = re.sub(r"[\s._-]", "", plain.replace("đ", "d"))
    core = squeezed.strip(_ENDS)
    forms = {squeezed, core, squeezed.translate(_LOOK_ALIKE), core.translate(_LOOK_ALIKE)}
    forms |= {one[: len(one) // 2] for one in (squeezed, core) if one == one[: len(one) // 2] * 2}
    steps = {ord(after) - ord(before) for before, after in pairwise(squeezed)}
    return not forms.isdisjoint(_common()) or len(set(squeezed)) < _FEWEST_LETTERS or len(steps) == 1


@cache
def _common() -> frozenset[str]:
    return frozenset(_COMMON.read_text("utf-8").split())


def _composed(password: str) -> str:
    """One form for letters with marks, whichever keyboard typed them."""
    return unicodedata.normalize("NFC", password)
