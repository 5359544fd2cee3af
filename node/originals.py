"""Originals: the photographs and files of incidents, kept where they were taken and fetched by hand from above.

What may leave is decided by the centre that keeps it, by its `[bulk]` settings; what is fetched, by whom and why is
written into the audit log of every centre on the way.
"""

import fnmatch
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from federation.bulk import wants
from federation.bulk.desk import FETCHING, ObjectDesk
from federation.bulk.manifest import Manifest, open_manifest
from federation.bulk.objects import ObjectDamaged
from federation.bulk.rules import Source
from federation.bulk.wants import BulkRefused, Want, WantState, Wish
from node import audit
from node.context import NodeContext
from node.errors import Conflict, Invalid, NotFound
from node.incident import attachment, rows
from node.incident.attachment import Attachment
from node.incident.value import JPEG_BEGIN, Incident
from node.incident.view import centre_title
from node.role import Principal

_MB = 1024 * 1024
REASON_LENGTH = (5, 500)
_PICTURES = {"image/jpeg": JPEG_BEGIN}


@dataclass(frozen=True, slots=True)
class OriginalRules:
    """The rules of this centre about what leaves and what has room, and its log."""

    context: NodeContext

    @property
    def keep_days(self) -> float:
        """How long a copy is kept."""
        return self.context.settings.bulk.keep_days

    def source(self, session: Session, wish: Wish) -> Source:
        """Where an original is; raises BulkRefused that names the rule which keeps it here."""
        context, policy = self.context, self.context.settings.bulk
        incident, one = _named(session, wish)
        if incident is None or one is None or incident.told_up == 0 or one.manifest_hash != wish.manifest_hash:
            raise BulkRefused("NOT_RISEN", "Sự cố mang tệp này chưa được gửi lên cấp trên.")
        if not any(fnmatch.fnmatchcase(incident.kind, kind) for kind in policy.kinds):
            raise BulkRefused("KIND", f"Không gửi tệp của loại sự cố “{incident.kind_title}” ([bulk] kinds).")
        if one.media_type not in policy.media_types:
            raise BulkRefused("MEDIA_TYPE", f"Không gửi loại tệp {one.media_type} ([bulk] media_types).")
        if one.size > policy.largest_mb * _MB:
            raise BulkRefused("TOO_LARGE", f"Tệp lớn hơn {policy.largest_mb:g} MB ([bulk] largest_mb).")
        if incident.origin != context.centre.name:
            return Source(size=one.size, media_type=one.media_type, child=incident.source or "")
        return Source(
            size=one.size, media_type=one.media_type, own=lambda again: _own(again, context, incident.id, one)
        )

    def room(self, session: Session, size: int, child: str) -> None:
        """Raise BulkRefused where the quota does not allow a copy of that size."""
        policy = self.context.settings.bulk
        if wants.used_bytes(session) + size > policy.quota_mb * _MB:
            raise BulkRefused("QUOTA", f"Đã hết hạn mức lưu tệp: {policy.quota_mb:g} MB ([bulk] quota_mb).")
        if child and wants.used_bytes(session, child) + size > policy.child_quota_mb * _MB:
            raise BulkRefused(
                "CHILD_QUOTA",
                f"Đã hết hạn mức tệp từ một trung tâm: {policy.child_quota_mb:g} MB ([bulk] child_quota_mb).",
            )

    def leaving(self, session: Session, wish: Wish, manifest: Manifest) -> None:
        """Write down that an original begins to leave: before it does, so that the log never knows less."""
        self._write(session, "original.leaving", wish, {"bytes": manifest.size})

    def given(self, session: Session, wish: Wish, manifest: Manifest) -> None:
        """Write down that an original left, for whom and why."""
        self._write(session, "original.given", wish, {"bytes": manifest.size})

    def declined(self, session: Session, wish: Wish, refused: BulkRefused) -> None:
        """Write down that an original was asked for and did not leave, and by which rule."""
        self._write(session, "original.declined", wish, {"rule": refused.code, "why_not": refused.reason})

    def got(self, session: Session, want: Want) -> None:
        """Write down that an original arrived."""
        self._write(session, "original.got", want.wish, {"bytes": want.size, "child": want.peer})

    def _write(self, session: Session, act: str, wish: Wish, more: Mapping[str, object]) -> None:
        context = self.context
        asker = centre_title(context.registry.current, wish.asker)
        detail = {"asker": asker, "asked_by": wish.asked_by, "reason": wish.reason, "asked_at": wish.at.isoformat()}
        audit.record(
            session,
            actor=wish.asker,
            act=act,
            subject=wish.subject,
            detail={"digest": wish.digest.hex(), **detail, **more},
            now=context.clock.now(),
        )


def _named(session: Session, wish: Wish) -> tuple[Incident | None, Attachment | None]:
    try:
        incident_id = UUID(wish.subject)
    except ValueError:
        return None, None
    return rows.find(session, incident_id), attachment.find(session, incident_id, wish.digest)


def _own(session: Session, context: NodeContext, incident_id: UUID, one: Attachment) -> tuple[Manifest, bytes]:
    data = _kept(session, context, incident_id, one.digest)
    if data is None:
        raise BulkRefused("GONE", "Tệp không còn ở nơi đã chụp.")
    return open_manifest(one.manifest), data


def _kept(session: Session, context: NodeContext, incident_id: UUID, digest: bytes) -> bytes | None:
    """The bytes that a module of this centre keeps, verified by their hash."""
    for module in context.modules:
        data = module.keeps(session, incident_id, digest) if module.keeps is not None else None
        if data is not None and attachment.is_of(digest, data):
            return data
    return None


# what a person does --------------------------------------------------------------------------------------------------


def ask(  # noqa: PLR0917 - who asks for which original of what, and why
    session: Session, context: NodeContext, incident: Incident, digest: bytes, principal: Principal, reason: str
) -> None:
    """Want an original of the centre below; raises Invalid, NotFound or Conflict."""
    words = " ".join(reason.split())
    if not REASON_LENGTH[0] <= len(words) <= REASON_LENGTH[1] or not words.isprintable():
        message = "Hãy ghi lý do (từ 5 đến 500 ký tự)."
        raise Invalid(message, errors=[{"field": "reason", "message": message}])
    one = found(session, incident, digest)
    if incident.source is None:
        raise Conflict("bản gốc do chính trung tâm này giữ")
    if wants.copy_of(session, digest) is not None:
        raise Conflict("bản gốc đã có ở đây")
    known = wants.find(session, digest)
    if known is not None and known.state.is_open:
        raise Conflict("bản gốc đang được lấy về")
    try:
        OriginalRules(context).room(session, one.size, incident.source)
    except BulkRefused as refused:
        raise Conflict(refused.reason, extra={"rule": refused.code}) from refused
    wish = Wish(
        digest=digest,
        manifest_hash=one.manifest_hash,
        subject=str(incident.id),
        asker=context.centre.name,
        asked_by=principal.display_name[:200],
        reason=words,
        at=context.clock.now(),
    )
    wants.ask(session, wish, size=one.size, media_type=one.media_type, peer=incident.source)
    detail = {"digest": digest.hex(), "bytes": one.size, "reason": words, "child": incident.source}
    _audit(session, wish.at, principal.username, "original.ask", incident, **detail)


def cancel(session: Session, context: NodeContext, incident: Incident, digest: bytes, principal: Principal) -> None:
    """Stop fetching; what has come so far stays for the next time, until the folder is swept."""
    found(session, incident, digest)
    now = context.clock.now()
    if not wants.cancel(session, digest, now):
        raise Conflict("bản gốc này không được lấy về lúc này")
    _audit(session, now, principal.username, "original.cancel", incident, digest=digest.hex())


def found(session: Session, incident: Incident, digest: bytes) -> Attachment:
    """The attachment; raises NotFound."""
    one = attachment.find(session, incident.id, digest)
    if one is None:
        raise NotFound("sự cố này không có tệp ấy")
    return one


def _audit(session: Session, now: datetime, username: str, act: str, incident: Incident, **detail: object) -> None:
    words = {"number": incident.number, **detail}
    audit.record(session, actor=username, act=act, subject=str(incident.id), detail=words, now=now)


def content(context: NodeContext, desk: ObjectDesk, incident: Incident, digest: bytes) -> tuple[Attachment, bytes]:
    """The bytes of an original that is here, verified; raises NotFound where it is not, or not whole any more."""
    one, own, copy = context.database.read(
        lambda session: (
            found(session, incident, digest),
            _kept(session, context, incident.id, digest),
            wants.copy_of(session, digest),
        )
    )
    if own is not None:
        return one, own
    if copy is None:
        raise NotFound("bản gốc không có ở đây; hãy lấy về")
    try:
        return one, desk.store.read(digest, one.size)
    except ObjectDamaged as error:
        context.database.write(lambda session: wants.forget(session, digest))
        desk.store.drop(digest)
        raise NotFound("bản sao ở đây đã hỏng hoặc bị xóa; hãy lấy lại") from error


def is_picture(one: Attachment, data: bytes) -> bool:
    """Whether the bytes begin as their media type says; anything else is only ever saved, never shown."""
    begin = _PICTURES.get(one.media_type)
    return begin is not None and data.startswith(begin)


# what a screen is told -----------------------------------------------------------------------------------------------


def view(session: Session, context: NodeContext, desk: ObjectDesk, incident: Incident) -> list[dict[str, Any]]:
    """The originals of an incident: how large, where, and how it stands with fetching them."""
    return [_view(session, context, desk, incident, one) for one in attachment.attached(session, incident.id)]


def _view(
    session: Session, context: NodeContext, desk: ObjectDesk, incident: Incident, one: Attachment
) -> dict[str, Any]:
    def title(name: str) -> str:
        return centre_title(context.registry.current, name)

    told: dict[str, Any] = {
        "digest": one.digest.hex(),
        "size": one.size,
        "media_type": one.media_type,
        "kept_at": title(incident.origin),
        "state": "elsewhere",
    }
    if incident.source is None:
        kept = _kept(session, context, incident.id, one.digest) is not None
        return told | {"state": "here" if kept else "gone"}
    copy = wants.copy_of(session, one.digest)
    if copy is not None and desk.store.has(one.digest):
        return told | {"state": "here", "until": copy.until.isoformat(), "from": title(copy.sender)}
    want = wants.find(session, one.digest)
    if want is None or want.state is WantState.CANCELLED:
        return told
    return told | _state(want, desk, title)


def _state(want: Want, desk: ObjectDesk, title: Callable[[str], str]) -> dict[str, Any]:
    held, size = desk.progress(want)
    told: dict[str, Any] = {
        "state": "coming" if want.state.is_open else "refused",
        "asked_by": want.wish.asked_by,
        "asker": title(want.wish.asker),
        "reason": want.wish.reason,
        "asked_at": want.wish.at.isoformat(),
        "from": title(want.peer),
        "percent": min(100, held * 100 // max(size, 1)),
    }
    if want.state is WantState.REFUSED:
        return told | {"code": want.code, "why_not": want.detail, "said_by": title(want.said_by or want.peer)}
    if not desk.listens(want.peer):
        return told | {"waits": "line"}
    return told | ({"waits": "below", "said_by": title(want.said_by)} if want.code == FETCHING else {})
