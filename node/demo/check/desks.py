"""The people at the desks: they take what lies before them and pass it upwards, over and over."""

from collections.abc import Mapping
from typing import Any

import httpx

from node.clock import Clock
from node.demo.check.office import Office

_AGAIN_S = 0.15


async def pass_upwards(office: Office, clock: Clock, *, has_parent: bool) -> None:
    """Receive, triage and escalate (or, at the top, accept) everything, until cancelled.

    A node that was killed answers nothing for a while; the person tries again, as a person does.
    """
    while True:
        try:
            for incident in await office.incidents(open_only=True):
                await _next_step(office, incident, has_parent=has_parent)
        except httpx.TransportError:
            await clock.sleep(_AGAIN_S)
        except httpx.HTTPStatusError as error:
            if error.response.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
                raise
        await clock.sleep(_AGAIN_S)


async def _next_step(office: Office, incident: dict[str, Any], *, has_parent: bool) -> None:
    """One incident as far as this desk can bring it now."""
    custody: Mapping[str, Any] = incident["custody"]
    if (
        custody["state"] == "offered"
        and _is_here(incident, office, "offered_to")
        and not await office.act(incident, "accept")
    ):
        return
    if not has_parent or incident["custody"]["state"] != "held":
        return
    if incident["status"] in {"new", "reopened"} and not await office.act(incident, "receive"):
        return
    if incident["status"] == "received" and not await office.act(
        incident, "triage", severity=str(incident["severity"])
    ):
        return
    await office.act(incident, "escalate", cause="capacity", note="Vượt khả năng xử lý tại chỗ")


def _is_here(incident: Mapping[str, Any], office: Office, which: str) -> bool:
    """Whether the incident's custody names this centre."""
    named = incident["custody"].get(which)
    return bool(named) and named["name"] == office.name
