"""The authority's memory of tokens: hashes, never texts; what was used, by which request, and its sealed answer."""

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from pki.private_file import make_private_folder, read_private, write_private

TOKEN_LIFE = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenNote:
    """What is remembered of a token: never its text."""

    hash: str
    name: str
    expires_at: datetime
    used_at: datetime | None = None
    request_sha256: str | None = None


class TokenBook:
    """The file behind it; the authority's lock on the folder makes each call whole."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "tokens.json"
        self._answers = folder / "answers"

    def notes(self, now: datetime) -> list[TokenNote]:
        """Every token that still matters; a day after its end one is forgotten with its answer."""
        if not self._path.exists():
            return []
        notes = [_token_note(one) for one in json.loads(read_private(self._path))]
        old = [one for one in notes if now >= one.expires_at + TOKEN_LIFE]
        for one in old:
            if one.request_sha256 is not None:
                (self._answers / one.request_sha256).unlink(missing_ok=True)
        return [one for one in notes if one not in old]

    def find(self, token_hash: bytes, now: datetime) -> TokenNote | None:
        """The token of this hash."""
        return next((one for one in self.notes(now) if one.hash == token_hash.hex()), None)

    def add(self, fresh: TokenNote, now: datetime) -> None:
        """Remembers a new token; an unused one for the same centre is void from now on."""
        kept = [one for one in self.notes(now) if one.name != fresh.name or one.used_at is not None]
        self._write([*kept, fresh])

    def spend(self, note: TokenNote, request_sha256: str, now: datetime) -> None:
        """Writes down that the token is used, before anything is issued for it."""
        spent = replace(note, used_at=now, request_sha256=request_sha256)
        self._write([spent if one.hash == note.hash else one for one in self.notes(now)])

    def keep_answer(self, request_sha256: str, sealed_answer: bytes) -> None:
        """Keeps the sealed answer, for the same request to ask again."""
        make_private_folder(self._answers)
        write_private(self._answers / request_sha256, sealed_answer)

    def answer(self, note: TokenNote, request_sha256: str) -> bytes | None:
        """The answer to exactly this request, if the token was spent for it."""
        path = self._answers / request_sha256
        return read_private(path) if note.request_sha256 == request_sha256 and path.exists() else None

    def _write(self, notes: list[TokenNote]) -> None:
        write_private(self._path, json.dumps([_token_json(one) for one in notes]).encode())


def _token_json(note: TokenNote) -> dict[str, str | None]:
    return {
        "hash": note.hash,
        "name": note.name,
        "expires_at": note.expires_at.isoformat(),
        "used_at": note.used_at.isoformat() if note.used_at else None,
        "request_sha256": note.request_sha256,
    }


def _token_note(body: dict[str, str | None]) -> TokenNote:
    used_at = body["used_at"]
    return TokenNote(
        hash=str(body["hash"]),
        name=str(body["name"]),
        expires_at=datetime.fromisoformat(str(body["expires_at"])),
        used_at=datetime.fromisoformat(used_at) if used_at else None,
        request_sha256=body["request_sha256"],
    )
