"""A registry that should have been followed by a newer one: revocations may be on their way and not here."""

from sqlalchemy.orm import Session

from federation.alarm import raise_alarm
from federation.enrolment.desk import EnrolmentDesk
from node.context import NodeContext
from node.job import Job, Round, on_writer

STALE = "REGISTRY_STALE"
LOOK_S = 600.0
TEND_S = 10.0


def rounds(context: NodeContext, desk: EnrolmentDesk) -> list[Round]:
    """What rings while the newest registry is too old, and what keeps it young at the centre with the authority."""
    found = [on_writer(Job(name="freshness", period_s=LOOK_S, step=look), context)]
    if context.settings.authority is not None:
        found.append(Round("registry", TEND_S, desk.tend))
    return found


def look(session: Session, context: NodeContext) -> bool:
    """Ring while the newest registry seen is past its expiry; links go on."""
    current, now = context.registry.current, context.clock.now()
    if not current.is_stale(now):
        return False
    detail = (
        f"registry {current.version} was to be taken for the newest until {current.expires_at:%Y-%m-%d %H:%M} UTC; "
        "who was revoked since then is not known here"
    )
    return raise_alarm(session.connection(), STALE, at=now, peer="", detail=detail)
