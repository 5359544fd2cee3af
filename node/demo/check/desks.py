"""The people at the desks: they take what lies before them and pass it upwards, over and over."""

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx

from node.clock import Clock
from node.demo.check.office import Office

_AGAIN_S = 0.15
_AT_ONCE = 4


async def pass_upwards(office: Office, clock: Clock, *, has_parent: bool) -> None:
    """Receive, triage and escalate (or, at the top, accept) everything, until cancelled.

    A node that was killed answers nothing for a while; the person tries again, as a person does.
    """
    while True:
        try:
            waiting = await office.incidents(open_only=True)
            for at in range(0, len(waiting), _AT_ONCE):
                steps = (_next_step(office, one, has_parent=has_parent) for one in waiting[at : at + _AT_ONCE])
                await asyncio.gather(*steps)
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
    is_own = incident["origin"]["code"] == office.site.centre.code
    if (
        is_own
        and incident["status"] == "received"
        and not await office.act(incident, "triage", severity=str(incident["severity"]))
    ):
        return
    await office.act(incident, "escalate", cause="capacity", note="Vượt khả năng xử lý tại chỗ")


def _is_here(incident: Mapping[str, Any], office: Office, which: str) -> bool:
    """Whether the incident's custody names this centre."""
    named = incident["custody"].get(which)
    return bool(named) and named["name"] == office.name
