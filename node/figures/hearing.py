"""What a centre does with the figures that others signed: keep every revision, believe no total, drop nothing."""

from datetime import datetime

from sqlalchemy.orm import Session

from federation.receiver import Inbound, Unacceptable
from node.figures import approval_rows, rows
from node.figures.approval import decode as decode_approval
from node.figures.approval_rows import Step
from node.figures.catalogue import Catalogue
from node.figures.rows import Stated
from node.figures.wire import Statement, decode_sheet, misfit, state_hash
from pki.registry import Registry


def hear(session: Session, inbound: Inbound, registry: Registry, catalogue: Catalogue, *, now: datetime) -> None:
    """Keep the states of one record; raises Unacceptable, and then the record is parked with its reason.

    An indicator, version or definition that is not known here is kept: a later version of this program may know it.
    """
    as_of, found = decode_sheet(inbound.payload)
    entry = registry.centre(inbound.origin)
    for _, said in found:
        if entry is None or said.area_code != entry.code:
            raise Unacceptable("AREA", f"{inbound.origin} states figures of {said.area_code}, which is not its area")
        _check_fit(said, catalogue)
    rows.keep(
        session,
        (
            Stated(
                rid=inbound.rid,
                centre=inbound.origin,
                statement=said,
                raw=raw,
                hash=state_hash(raw),
                as_of=as_of,
                signed_at=inbound.created_at,
                received_at=now,
                via=inbound.sender,
            )
            for raw, said in found
        ),
    )


def hear_approval(session: Session, inbound: Inbound, registry: Registry, *, now: datetime) -> None:
    """Keep one step of an approval; raises Unacceptable for what speaks of another centre's area."""
    said = decode_approval(inbound.payload)
    entry = registry.centre(inbound.origin)
    if entry is None or said.area_code != entry.code:
        raise Unacceptable("AREA", f"{inbound.origin} approves figures of {said.area_code}, which is not its area")
    approval_rows.keep(
        session,
        Step(
            rid=inbound.rid,
            centre=inbound.origin,
            approval=said,
            raw=inbound.payload,
            signed_at=inbound.created_at,
            received_at=now,
            via=inbound.sender,
        ),
    )


def _check_fit(said: Statement, catalogue: Catalogue) -> None:
    definition = catalogue.find(said.indicator, said.version)
    if definition is None or definition.hash != said.definition_hash:
        return
    wrong = misfit(definition, said)
    if wrong:
        raise Unacceptable("INVALID", f"a state of {definition.name} that its definition does not allow: {wrong}")
