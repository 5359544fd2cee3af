"""Accounts of the demo: made once with random passwords, kept in one file that only its owner reads."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from node.demo.plan import PlannedCentre

ROLES = (
    ("operator", "canbo", "Cán bộ trực"),
    ("leader", "lanhdao", "Lãnh đạo"),
    ("admin", "quantri", "Quản trị"),
)
_SYLLABLES = [first + second for first in "bcdghklmnprstvx" for second in "aeiou"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One account at one centre; `fresh` until the password has been kept in the file."""

    code: str
    username: str
    role: str
    display_name: str
    password: str
    fresh: bool = False


def new_password() -> str:
    """Something that can be read out and typed: about 58 random bits."""
    return "-".join("".join(secrets.choice(_SYLLABLES) for _ in range(3)) for _ in range(3)) + str(
        secrets.randbelow(90) + 10
    )


def people(file: Path, centres: Iterable[PlannedCentre]) -> dict[tuple[str, str], Person]:
    """The accounts by centre and role: those in the file, and new ones for centres that have none yet."""
    found = _read(file)
    fresh = {
        (centre.code, role): Person(
            code=centre.code,
            username=username,
            role=role,
            display_name=f"{title} {centre.title}",
            password=new_password(),
            fresh=True,
        )
        for centre in centres
        for role, username, title in ROLES
        if (centre.code, role) not in found
    }
    if fresh:
        found |= fresh
        _write(file, found.values())
    return found


def _read(file: Path) -> dict[tuple[str, str], Person]:
    if not file.exists():
        return {}
    rows = [line.split("\t") for line in file.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return {
        (code, role): Person(code=code, username=username, role=role, display_name=name, password=password)
        for code, role, username, password, name in rows
    }


def _write(file: Path, everybody: Iterable[Person]) -> None:
    file.touch(mode=0o600)
    file.chmod(0o600)
    rows = [f"{one.code}\t{one.role}\t{one.username}\t{one.password}\t{one.display_name}" for one in everybody]
    text = "\n".join(["# centre\trole\tuser name\tpassword\tdisplay name", *rows])
    file.write_text(text + "\n", encoding="utf-8")
