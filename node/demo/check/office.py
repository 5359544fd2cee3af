"""A centre as its people meet it: signed in, over HTTP, nothing else."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import httpx

from node.demo.people import Person
from node.demo.sites import Site

_PAGE = 200
_RETRIES = 3
_ANSWER_WITHIN_S = 45.0


class Office:
    """One person at one centre; the session lasts as long as the node's key does, also over a restart."""

    def __init__(self, site: Site, person: Person) -> None:
        self.site = site
        self.name = ""
        self._person = person
        retry = httpx.AsyncHTTPTransport(retries=_RETRIES)
        self._http = httpx.AsyncClient(base_url=site.url, timeout=_ANSWER_WITHIN_S, transport=retry)

    async def __aenter__(self) -> Self:
        credentials = {"username": self._person.username, "password": self._person.password}
        (await self._http.post("/api/v1/session", json=credentials)).raise_for_status()
        self.name = (await self.get("/api/v1/centre"))["name"]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    @property
    def cookies(self) -> Mapping[str, str]:
        """What a browser that signed in as this person would send."""
        return dict(self._http.cookies)

    async def get(self, path: str, **query: object) -> Any:  # noqa: ANN401 - whatever JSON the path gives
        """The answer's JSON; raises for a refusal."""
        answer = await self._http.get(path, params={key: str(value) for key, value in query.items()})
        return answer.raise_for_status().json()

    async def incidents(self, *, open_only: bool = False) -> list[dict[str, Any]]:
        """All incidents that the centre lists, page by page."""
        found: list[dict[str, Any]] = []
        query: dict[str, object] = {"limit": _PAGE, **({"open": "true"} if open_only else {})}
        while True:
            page = await self.get("/api/v1/incidents", **query)
            found += page["items"]
            if not page.get("next_cursor"):
                return found
            query["cursor"] = page["next_cursor"]

    async def incident(self, incident_id: str) -> dict[str, Any]:
        """One incident with its timeline, possible actions and proofs."""
        found: dict[str, Any] = await self.get(f"/api/v1/incidents/{incident_id}")
        return found

    async def act(self, incident: dict[str, Any], name: str, **fields: str) -> bool:
        """Take one step and bring `incident` up to date; False if it became impossible meanwhile."""
        body = {"name": name, "version": incident["version"], **fields}
        answer = await self._http.post(f"/api/v1/incidents/{incident['id']}/actions", json=body)
        if answer.status_code == httpx.codes.CONFLICT:
            return False
        answer.raise_for_status()
        incident.update(answer.json())
        return True

    async def links(self) -> list[dict[str, Any]]:
        """The centre's neighbours as its situation shows them."""
        situation = await self.get("/api/v1/situation")
        links: list[dict[str, Any]] = situation["links"]
        return links

    async def alarms(self) -> list[dict[str, Any]]:
        """What the centre's situation warns of."""
        situation = await self.get("/api/v1/situation")
        alarms: list[dict[str, Any]] = situation["alarms"]
        return alarms

    async def in_flight(self, to: str) -> int | None:
        """Frames sent to that neighbour (a registry name) and not acknowledged by it; None without a connection."""
        links = [link for link in await self.links() if link["peer"] == to and link["connected"]]
        return int(links[0]["in_flight"]) if links else None
