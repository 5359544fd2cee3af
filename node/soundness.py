"""Whether a node's database is one at all: said in a sentence, before anything is opened that would write to it."""

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import DBAPIError

from pki.keystore import Keystore

_RESTORE = "put the last backup back as docs/operations.md tells under 'After a restore'"
_DAMAGED = (
    "{file}: is damaged and cannot be used as a database ({reason}); keep a copy of it, see with `python -m node "
    f"verify` what is hurt if it can still be opened, or {_RESTORE}"
)
_EMPTY = (
    "{file}: is empty, although this centre has keys; if the centre has run before, its database is lost: "
    f"{_RESTORE}; if it has never run, remove the empty file"
)


def database_problem(url: str, keys: Path, *, thoroughly: bool) -> str | None:
    """Say what is wrong with an SQLite database; one that is absent will be made and is fine.

    Thoroughly reads every page, which takes its time on a large file; otherwise only whether it opens is seen.
    """
    file = _file(make_url(url))
    if file is None or not file.exists():
        return None
    try:
        if file.stat().st_size == 0:
            return _EMPTY.format(file=file) if Keystore.exists(keys) else None
        found = _look(file, thoroughly=thoroughly)
    except (sqlite3.Error, OSError) as error:
        return _sentence(file, error)
    return _DAMAGED.format(file=file, reason=found) if found else None


def refusal(url: URL, error: DBAPIError) -> str:
    """Put what the database itself refused into a sentence; an address may hold a password and is not repeated."""
    return _sentence(_file(url), error.orig or error)


def _sentence(file: Path | None, error: BaseException) -> str:
    reason = " ".join(str(error).split()) or type(error).__name__
    if file is None:
        return f"database.url: the database cannot be used ({reason})"
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return _DAMAGED.format(file=file, reason=reason)
    return f"{file}: the database cannot be used ({reason})"


def _file(url: URL) -> Path | None:
    return Path(url.database).absolute() if url.get_backend_name() == "sqlite" and url.database else None


def _look(file: Path, *, thoroughly: bool) -> str | None:
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=10)) as raw:
        raw.execute("SELECT count(*) FROM sqlite_master").fetchone()
        answer = str(raw.execute("PRAGMA quick_check(1)").fetchone()[0]) if thoroughly else "ok"
    return None if answer == "ok" else " ".join(answer.split())
