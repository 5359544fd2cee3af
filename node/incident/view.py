"""What a screen is told about an incident: JSON with Vietnamese words, and only the actions that are possible now."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from federation.awaited import Standing
from node.incident.steps import ACT_TITLES, Action, Field, Who
from node.incident.value import Event, Incident, Proof, due_at, overdue_cause
from node.territory import LOCAL_ZONE, Centre, Territory
from pki.registry import Registry


@dataclass(frozen=True, slots=True)
class Look:
    """From which centre, by which registry and territory, and when somebody looks."""

    centre: Centre
    registry: Registry
    territory: Territory
    now: datetime

    @property
    def on(self) -> date:
        """The day whose territory is shown."""
        return self.territory.local_date(self.now)

    def centre_ref(self, name: str) -> dict[str, str]:
        """A centre as a screen shows it."""
        entry = self.registry.centre(name)
        return {
            "name": name,
            "title": entry.title if entry else centre_title(self.registry, name),
            "code": entry.code if entry else "",
        }


def centre_title(registry: Registry, name: str) -> str:
    """The title of a centre by the registry; its name where the registry does not know it."""
    entry = registry.centre(name)
    return entry.title if entry is not None else name


def incident_view(incident: Incident, look: Look) -> dict[str, Any]:
    """An incident as lists, details and the live connection show it."""
    custody, area = incident.custody, look.territory.area(incident.area_code, look.on)
    due = due_at(incident)
    cause = overdue_cause(incident, look.centre.name, look.now)
    return {
        "id": str(incident.id),
        "version": incident.version,
        "number": incident.number,
        "kind": incident.kind,
        "kind_title": incident.kind_title,
        "title": incident.title,
        "description": incident.description,
        "category": incident.category,
        "severity": int(incident.severity),
        "severity_title": incident.severity.label,
        "status": incident.status.value,
        "status_title": incident.status.label,
        "custody": {
            "state": custody.state.value,
            "holder": look.centre_ref(custody.holder),
            "offered_to": look.centre_ref(custody.offered_to) if custody.offered_to else None,
            "term": custody.term,
            "since": custody.since.isoformat(),
            "asked_back": custody.asked_back,
        },
        "area_code": incident.area_code,
        "area_name": area.name if area else incident.area_code,
        "place": {"lat": incident.place.lat, "lon": incident.place.lon} if incident.place else None,
        "origin": look.centre_ref(incident.origin),
        "opened_at": incident.opened_at.isoformat(),
        "updated_at": incident.updated_at.isoformat(),
        # what is not verified is parked and never becomes an incident here; one's own needed no verifying: null
        "verified": None if incident.origin == look.centre.name else True,
        "has_thumbnail": incident.has_thumbnail,
        "unit": incident.unit,
        "extensions": incident.extensions,
        "due_at": due.isoformat() if due else None,
        "overdue": cause is not None,
        "overdue_cause": cause,
    }


def event_view(event: Event, look: Look) -> dict[str, Any]:
    """A line of the timeline; ``verified_by`` is the centre that checked its author's signature, this one."""
    title = ACT_TITLES.get(event.act, event.status.label)
    return {
        "number": event.number,
        "at": event.at.isoformat(),
        "received_at": event.received_at.isoformat() if event.received_at else None,
        "centre": look.centre_ref(event.centre),
        "actor": event.actor,
        "act": event.act,
        "title": title,
        "status": event.status.value,
        "status_title": event.status.label,
        "detail": event.note,
        "severity": int(event.severity) if event.severity else None,
        "category": event.category,
        "verified_by": look.centre.title if event.key_id else None,
        "key_id": event.key_id.hex() if event.key_id else None,
    }


def proof_view(proof: Proof, look: Look) -> dict[str, Any]:
    """A record whose signature this centre has verified itself, and through whom it came."""
    return {
        "rid": str(proof.rid),
        "kind": proof.kind,
        "origin": proof.origin,
        "title": centre_title(look.registry, proof.origin),
        "key_id": proof.key_id.hex(),
        "verified": True,
        "created_at": proof.created_at.isoformat(),
        "received_at": proof.received_at.isoformat(),
        "via": look.centre_ref(proof.via),
    }


def receipts_view(standing: Standing, look: Look) -> dict[str, Any]:
    """Which centres above have confirmed the own word of this centre, in signed receipts, and which has not."""
    confirmed = [
        {
            "holder": look.centre_ref(one.holder),
            "received_at": one.received_at.isoformat(),
            "verified": True,
            "text": f"{centre_title(look.registry, one.holder)} đã nhận lúc {_clock(one.received_at)} (xác minh)",
        }
        for one in standing.confirmed
    ]
    missing = None
    if standing.missing:
        text = f"Chưa có xác nhận của {centre_title(look.registry, standing.missing)}"
        missing = {"holder": look.centre_ref(standing.missing), "late": standing.is_late, "text": text}
    return {"confirmed": confirmed, "missing": missing, "bypassed": standing.is_bypassed}


def _clock(at: datetime) -> str:
    """A time as people here read it."""
    return at.astimezone(LOCAL_ZONE).strftime("%H:%M:%S %d/%m/%Y")


def actions_view(actions: Iterable[Action], is_allowed: Callable[[Who], bool]) -> list[dict[str, Any]]:
    """Those of the possible actions that this person may take."""
    return [
        {
            "name": action.name,
            "title": action.title,
            "fields": [_field_view(field) for field in action.fields],
            "danger": action.danger,
        }
        for action in actions
        if is_allowed(action.who)
    ]


def _field_view(field: Field) -> dict[str, Any]:
    options = [{"value": value, "title": title} for value, title in field.options]
    return {
        "name": field.name,
        "title": field.title,
        "kind": field.kind,
        "required": field.required,
        "limit": field.limit,
        "options": options or None,
    }
