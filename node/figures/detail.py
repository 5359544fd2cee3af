"""One figure looked into: the share of each centre, every revision, who signed it when, and whether it verifies now."""

from collections.abc import Mapping, Sequence

from sqlalchemy.orm import Session

from federation.merkle import merkle_proof
from node.figures.book import Book
from node.figures.definition import Definition
from node.figures.disclosure import is_small
from node.figures.figure import Coverage, Figure, Status, figure
from node.figures.gathering import Gathered, Part, Place, is_within
from node.figures.noting import Note, notes_on
from node.figures.proving import Verdict, prove
from node.figures.quality import Rule
from node.figures.rows import Stated, newest
from node.figures.state import total_of
from node.figures.view import (
    LATE,
    NOBODY,
    WHOLE,
    Json,
    figure_view,
    is_unread,
    line,
    own_revisions,
    states_of,
    unread_view,
)
from node.figures.wire import Entry, part_leaf
from node.incident.view import centre_title

_VERDICTS = {
    Verdict.VALID: "Chữ ký hợp lệ",
    Verdict.WAITING: "Chưa kiểm được chữ ký",
    Verdict.INVALID: "Chữ ký không hợp lệ",
}
_AGREES = {
    True: "Khớp với số tính lại tại đây",
    False: "KHÔNG khớp với số tính lại tại đây",
    None: "Tính từ các bản khác với các bản đang có ở đây",
}


def detail(session: Session, book: Book, definition: Definition) -> Json:
    """A figure with the share of each centre, and every revision with who signed it, when, and whether it verifies."""
    found = book.gather(definition)
    registry = book.place.registry
    hashes = [part.stated.hash for part in found.parts if part.stated is not None]
    notes = notes_on(session, hashes)
    return {
        **line(book, definition, found),
        "centres": [
            {**_centre(session, book, found, part), "checks": _checks(book, definition, part, notes)}
            for part in found.parts
        ],
        "series": [_moment(book, one) for one in book.series(definition)],
        "revisions": [revision_view(session, book, definition, one) for one in own_revisions(book, found)],
        "proof": _proof(book, newest(own_revisions(book, found))),
        "totals": [
            _claim(session, book, definition, entry.name)
            for entry in registry.centres
            if entry.name != book.place.centre and is_within(book.place, entry, book.period)
            if _claims(book, definition, entry.name)
        ],
        "unread": [unread_view(book, one) for one in book.of(definition.code) if is_unread(definition, one)],
    }


def _moment(book: Book, found: Gathered) -> Json:
    """One part of a longer period, under its own label."""
    missing = [centre_title(book.place.registry, part.centre) for part in found.parts if not part.is_received]
    return {"period": found.period.key, **figure_view(found.figure(0)), "missing": missing}


def _checks(
    book: Book, definition: Definition, part: Part, notes: Mapping[tuple[bytes, str], Sequence[Note]]
) -> list[Json]:
    """The rules that a share breaks, and what somebody found out about each."""
    if part.stated is None:
        return []
    return [
        {
            "rule": rule.value,
            "title": rule.label,
            "limit": limit,
            "notes": [
                {"actor": one.actor, "at": one.at.isoformat(), "note": one.note}
                for one in notes.get((part.stated.hash, rule.value), ())
            ],
        }
        for rule, limit in book.broken(definition, part)
    ]


def _centre(session: Session, book: Book, found: Gathered, part: Part) -> Json:
    """One centre's share, under a label of its own."""
    registry, definition = book.place.registry, found.definition
    entry = registry.centre(part.centre)
    state = NOBODY if not part.is_received else LATE if part.is_late else WHOLE
    if not part.is_received and part.is_silent:
        title = "Im lặng: chưa biết"
    elif not part.is_received:
        title = "Đang chờ"
    else:
        title = "Đến muộn" if part.is_late else "Đã nhận"
    return {
        "centre": part.centre,
        "code": entry.code if entry else "",
        "title": centre_title(registry, part.centre),
        **figure_view(_share(found, part)),
        "is_confidential": is_small(definition, total_of(definition.state, found.share(part))),
        "is_typed": part.stated is not None and part.stated.statement.entry is not None,
        "state": "silent" if part.is_silent else state,
        "state_title": title,
        "revisions": [
            revision_view(session, book, definition, one) for one in states_of(book, definition, part.centre)
        ],
    }


def _share(found: Gathered, part: Part) -> Figure:
    said, received = part.stated.statement if part.stated is not None else None, part.is_received
    coverage = Coverage(
        expected=1,
        received=int(received),
        approved=int(part.is_approved),
        late=int(part.is_late and received),
        silent=int(part.is_silent and not received),
    )
    is_settled = said is None and found.shares and received and found.buckets is not None and found.buckets.is_over
    return figure(
        found.definition,
        total_of(found.definition.state, found.share(part)),
        coverage,
        as_of=part.as_of,
        status=said.status if said is not None else found.status if is_settled else Status.PROVISIONAL,
        revision=said.revision if said is not None else 0,
    )


def revision_view(session: Session, book: Book, definition: Definition, stated: Stated) -> Json:
    """One signed state: what it said, who signed it and when, through whom it came, and whether it verifies now."""
    said = stated.statement
    registry = book.place.registry
    proved = prove(session, registry, stated)
    coverage = said.fold.coverage if said.fold is not None else Coverage(expected=1, received=1)
    shown = figure(
        definition,
        total_of(said.kind, said.cells),
        coverage,
        as_of=stated.as_of,
        status=said.status,
        revision=said.revision,
    )
    return {
        **figure_view(shown),
        "signer": stated.centre,
        "signer_title": centre_title(registry, stated.centre),
        "signed_at": stated.signed_at.isoformat(),
        "received_at": stated.received_at.isoformat(),
        "via": stated.via,
        "via_title": centre_title(registry, stated.via),
        "key_id": proved.key_id.hex(),
        "verified": {Verdict.VALID: True, Verdict.INVALID: False}.get(proved.verdict),
        "verified_title": _VERDICTS[proved.verdict],
        "why_not": proved.reason,
        "hash": stated.hash.hex(),
        "supersedes": said.supersedes.hex(),
        "reason": said.reason,
        "entry": _entry(said.entry),
        "is_approved": (stated.centre, stated.hash) in book.approvals.approved,
        "clock_ahead": stated.is_clock_ahead,
        "rid": str(stated.rid),
    }


def _entry(entry: Entry | None) -> Json | None:
    """Who typed a state and on which evidence; null where books gave it."""
    if entry is None:
        return None
    return {
        "actor": entry.actor,
        "evidence": entry.evidence,
        "evidence_sha256": entry.evidence_sha256.hex(),
        "note": entry.note,
        "marks": [Rule(one).label if one in tuple(Rule) else one for one in entry.marks],
    }


def _proof(book: Book, stated: Stated | None) -> Json | None:
    """The audit path of each state that a signed total was made of; null where nothing was added up."""
    fold = stated.statement.fold if stated is not None else None
    if stated is None or fold is None or not fold.parts:
        return None
    leaves = [part_leaf(*part) for part in fold.parts]
    return {
        "total": stated.hash.hex(),
        "root": fold.parts_root.hex(),
        "count": len(leaves),
        "parts": [
            {
                "centre": centre,
                "title": centre_title(book.place.registry, centre),
                "state_revision": revision,
                "hash": hash_.hex(),
                "index": index,
                "path": [one.hex() for one in merkle_proof(leaves, index)],
            }
            for index, (centre, revision, hash_) in enumerate(fold.parts)
        ],
    }


def _claims(book: Book, definition: Definition, centre: str) -> list[Stated]:
    """The totals that a centre below signed for its own area."""
    return [
        one
        for one in book.of(definition.code)
        if one.centre == centre and one.statement.fold is not None and one.statement.definition_hash == definition.hash
    ]


def _claim(session: Session, book: Book, definition: Definition, centre: str) -> Json:
    """A centre's own total beside what its parts add up to here; it is shown and compared, and never added."""
    last = max(_claims(book, definition, centre), key=lambda one: one.order)
    said = last.statement
    place = Place(
        centre=centre,
        area_code=said.area_code,
        registry=book.place.registry,
        territory=book.place.territory,
        now=book.place.now,
    )
    ours = book.gather(definition, place)
    has_same_parts = said.fold is not None and said.fold.parts_root == ours.root
    agrees = dict(said.cells) == dict(ours.cells) if has_same_parts else None
    return {
        **revision_view(session, book, definition, last),
        "centre": centre,
        "title": centre_title(book.place.registry, centre),
        "agrees": agrees,
        "agrees_title": _AGREES[agrees],
    }
