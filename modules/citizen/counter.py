"""Who keeps and finds reports for the pages: the node's database, or the node across the line from the intake process.

The pages know one interface. What is handed across the line is checked again on the node's side, as if it came from a
stranger: the intake process is the part that strangers reach.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol
from urllib.parse import quote

from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from modules.citizen import intake, publication, reports, tracking
from modules.citizen.intake import Draft
from modules.citizen.photo import Photo
from modules.citizen.reading import Sent
from modules.citizen.rendering import BASE
from modules.citizen.texts import translator
from node.context import NodeContext
from node.intake.line import Line

PREFIX = "/counter/citizen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What whoever sent a report is told; `again` says that this very report was kept before."""

    code: str
    track_url: str
    recorded_at: str
    incident_id: str
    category: str
    area_code: str
    complaint: bool
    note: str
    again: bool


class Counter(Protocol):
    """What the pages ask; every method raises the errors that a person is shown."""

    async def known(self, sent: Sent, language: str) -> Said | None:
        """The report that was kept under the same key; raises Conflict if that was another one."""
        ...

    async def keep(self, sent: Sent, photo: Photo | None, language: str) -> Said:
        """Keep a report and its photograph; what is returned is committed."""
        ...

    async def view(self, code: str, language: str) -> dict[str, Any]:
        """Where a report stands."""
        ...

    async def rate(self, code: str, language: str, rating: str, comment: str) -> None:
        """The reporter's word on the result."""
        ...

    async def reopen(self, code: str, language: str, reason: str) -> None:
        """Open a report again."""
        ...

    async def published(self, language: str) -> list[dict[str, Any]]:
        """The reports that were published."""
        ...


@dataclass(frozen=True, slots=True)
class OwnCounter:
    """The node itself."""

    context: NodeContext

    async def known(self, sent: Sent, language: str) -> Said | None:
        """Look the key up."""
        draft = intake.check(sent, self.context, translator(language))
        return await run_in_threadpool(
            self.context.database.read, lambda session: self._known(session, draft, language)
        )

    async def keep(self, sent: Sent, photo: Photo | None, language: str) -> Said:
        """Check and commit."""
        draft = intake.check(sent, self.context, translator(language))
        read, write = self.context.database.read, self.context.database.write
        known = await run_in_threadpool(read, lambda session: self._known(session, draft, language))
        if known is not None:
            return known
        is_grave = draft.category.kind.rises(draft.urgency.severity)  # such a report still finds room on a full disk

        def step(session: Session) -> reports.Recorded:
            return reports.keep(session, self.context, draft, photo)

        return self._said(await run_in_threadpool(lambda: write(step, urgent=is_grave)), language)

    async def view(self, code: str, language: str) -> dict[str, Any]:
        """Read it."""
        viewer = tracking.Viewer(self.context, translator(language))
        return await run_in_threadpool(self.context.database.read, lambda session: tracking.view(session, viewer, code))

    async def rate(self, code: str, language: str, rating: str, comment: str) -> None:
        """Commit the rating."""
        _ = language
        write = self.context.database.write
        await run_in_threadpool(write, lambda session: tracking.rate(session, self.context, code, rating, comment))

    async def reopen(self, code: str, language: str, reason: str) -> None:
        """Commit the reopening."""
        _ = language
        write = self.context.database.write
        await run_in_threadpool(write, lambda session: tracking.reopen(session, self.context, code, reason))

    async def published(self, language: str) -> list[dict[str, Any]]:
        """Read them."""
        say = translator(language)
        read = self.context.database.read
        return await run_in_threadpool(read, lambda session: publication.published(session, self.context, say))

    def _known(self, session: Session, draft: Draft, language: str) -> Said | None:
        recorded = reports.find_by_key(session, draft)
        return self._said(recorded, language) if recorded else None

    def _said(self, recorded: reports.Recorded, language: str) -> Said:
        viewer = tracking.Viewer(self.context, translator(language))
        return Said(
            code=recorded.code,
            track_url=f"{BASE}/track/{recorded.code}",
            recorded_at=recorded.recorded_at.isoformat(),
            incident_id=recorded.incident_id,
            category=recorded.category,
            area_code=recorded.place_area_code,
            complaint=recorded.complaint,
            note=tracking.note(viewer, recorded.area_code, recorded.place_area_code, recorded.recorded_at),
            again=recorded.again,
        )


@dataclass(frozen=True, slots=True)
class LineCounter:
    """The node across the line, asked by the intake process."""

    line: Line

    async def known(self, sent: Sent, language: str) -> Said | None:
        """Ask for the key."""
        told = await self.line.ask("POST", f"{PREFIX}/known", body=pack(sent, None, language))
        return Said(**told) if told else None

    async def keep(self, sent: Sent, photo: Photo | None, language: str) -> Said:
        """Hand over; the answer comes after the commit."""
        return Said(**await self.line.ask("POST", f"{PREFIX}/reports", body=pack(sent, photo, language)))

    async def view(self, code: str, language: str) -> dict[str, Any]:
        """Ask where it stands."""
        found: dict[str, Any] = await self.line.ask("GET", _report(code), query={"lang": language})
        return found

    async def rate(self, code: str, language: str, rating: str, comment: str) -> None:
        """Hand the rating over."""
        data = {"lang": language, "rating": rating, "comment": comment}
        await self.line.ask("POST", f"{_report(code)}/rating", data=data)

    async def reopen(self, code: str, language: str, reason: str) -> None:
        """Hand the reason over."""
        await self.line.ask("POST", f"{_report(code)}/reopening", data={"lang": language, "reason": reason})

    async def published(self, language: str) -> list[dict[str, Any]]:
        """Ask for them."""
        found: list[dict[str, Any]] = await self.line.ask("GET", f"{PREFIX}/published", query={"lang": language})
        return found


def _report(code: str) -> str:
    return f"{PREFIX}/reports/{quote(code, safe='')}"


def pack(sent: Sent, photo: Photo | None, language: str) -> bytes:
    """A report as it is handed over: one line of JSON, then the photograph and its thumbnail."""
    head: dict[str, object] = {"fields": dict(sent.fields), "lang": language, "photo_hash": sent.hash_of_photo().hex()}
    if photo is None:
        return json.dumps(head).encode()
    head["photo"] = {"width": photo.width, "height": photo.height, "bytes": len(photo.jpeg)}
    return json.dumps(head).encode() + b"\n" + photo.jpeg + photo.thumbnail


def spelled(said: Said | None) -> Mapping[str, object] | None:
    """What was said, as JSON."""
    return asdict(said) if said else None
