"""Ask the node over HTTP with the visitor's own session; the only way from a screen to a node."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any
from urllib.parse import quote

import httpx

Json = dict[str, Any]
_PATIENCE = httpx.Timeout(15.0, connect=3.0)


class NodeDownError(Exception):
    """The node cannot be reached or answers nonsense; what was accepted before is safe with it."""


class RefusedError(Exception):
    """The node said no, in the words of an RFC 9457 problem."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        self.status = status
        self.code = str(body.get("code") or "")
        self.title = str(body.get("title") or "")
        self.detail = str(body.get("detail") or "")
        errors = body.get("errors") or []
        self.errors: tuple[Json, ...] = tuple(one for one in errors if isinstance(one, dict))
        super().__init__(f"{status} {self.code} {self.title}")


def open_connection(node: str) -> httpx.Client:
    """One pool of connections for all visitors; it never keeps a cookie, so nobody inherits another's session."""
    nobody = CookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
    return httpx.Client(base_url=node, cookies=nobody, timeout=_PATIENCE, trust_env=False)


@dataclass(frozen=True, slots=True)
class Client:
    """The node as one visitor sees it."""

    connection: httpx.Client
    cookies: Mapping[str, str]
    origin: str = ""

    def session(self) -> Json:
        """Who the node takes the visitor for: name, role, area, permissions, centre."""
        return self._object("GET", "/api/v1/session")

    def centre(self) -> Json:
        """The centre's identity and the label of the tree it stands in."""
        return self._object("GET", "/api/v1/centre")

    def incidents(self, **filters: str | int | bool | None) -> Json:
        """One page of incidents as `{items, next_cursor, total}`; empty filters are left out."""
        asked = {name: _query(value) for name, value in filters.items() if value not in {None, "", False}}
        return self._object("GET", "/api/v1/incidents", query=asked)

    def incident(self, incident_id: str) -> Json:
        """One incident with its timeline, proofs and the actions that this visitor may take now."""
        return self._object("GET", f"/api/v1/incidents/{_segment(incident_id)}")

    def act(self, incident_id: str, name: str, version: int, fields: Mapping[str, Any]) -> Json:
        """Take an action on the version that the visitor saw.

        Raises:
            RefusedError: with status 409 when somebody changed the incident meanwhile.

        """
        body = {**fields, "name": name, "version": version}
        return self._object("POST", f"/api/v1/incidents/{_segment(incident_id)}/actions", body=body)

    def originals(self, incident_id: str) -> list[Json]:
        """The originals of an incident's photographs, and how it stands with each."""
        return _items(self._ask("GET", f"/api/v1/incidents/{_segment(incident_id)}/originals"), "items")

    def fetch_original(self, incident_id: str, digest: str, reason: str) -> None:
        """Have an original brought from below."""
        self._ask("POST", f"{_original(incident_id, digest)}/fetch", body={"reason": reason})

    def cancel_original(self, incident_id: str, digest: str) -> None:
        """Stop bringing it."""
        self._ask("POST", f"{_original(incident_id, digest)}/cancel", body={})

    def original(self, incident_id: str, digest: str) -> tuple[bytes, str]:
        """The bytes of an original that is here, and what they are."""
        answer = self._accepted(self._send("GET", f"{_original(incident_id, digest)}/content"))
        return answer.content, answer.headers.get("content-type", "application/octet-stream")

    def enrolments(self) -> Json:
        """Newcomers that wait for their fingerprint to be compared, and whether this centre asks for that."""
        return self._object("GET", "/api/v1/enrolments")

    def decide_enrolment(self, fingerprint: str, decision: str) -> Json:
        """Approve or refuse the newcomer with exactly this fingerprint; RefusedError if none waits with it."""
        return self._object("POST", f"/api/v1/enrolments/{_segment(fingerprint)}", body={"decision": decision})

    def health(self) -> Json:
        """How the node itself is: links, certificates, disk, jobs, each with its state."""
        return self._object("GET", "/api/v1/health")

    def figures(self, **asked: str) -> Json:
        """The figures of a period: each with value or unknown, coverage, age, status and revision."""
        return self._object("GET", "/api/v1/figures", query={name: value for name, value in asked.items() if value})

    def figure(self, code: str, **asked: str) -> Json:
        """One figure with the share of each centre, every revision and its signature."""
        query = {name: value for name, value in asked.items() if value}
        return self._object("GET", f"/api/v1/figures/{_segment(code)}", query=query)

    def figure_step(self, body: Json) -> Json:
        """Prepare, approve, return or unlock a dataset of a period.

        Raises:
            RefusedError: with status 409 when somebody did something meanwhile, or an exception must be recorded.

        """
        return self._object("POST", "/api/v1/figures/approvals", body=body)

    def type_figure(self, code: str, body: Json) -> Json:
        """Type the numbers of an indicator that no book feeds."""
        return self._object("POST", f"/api/v1/figures/{_segment(code)}/entries", body=body)

    def note_figure(self, code: str, body: Json) -> Json:
        """Note what came out of a value that looked wrong."""
        return self._object("POST", f"/api/v1/figures/{_segment(code)}/notes", body=body)

    def accounts(self) -> list[Json]:
        """Everybody who may sign in, with state, telephone and open sessions."""
        return _items(self._ask("GET", "/api/v1/accounts"), "items")

    def add_account(self, body: Json) -> Json:
        """Create an account; the answer holds its one-time password, this once."""
        return self._object("POST", "/api/v1/accounts", body=body)

    def account_put(self, username: str, what: str, body: Json) -> Json:
        """Change an account's password, access or scope."""
        return self._object("PUT", f"/api/v1/accounts/{_segment(username)}/{_segment(what)}", body=body)

    def account_delete(self, username: str, what: str) -> Json:
        """Take away an account's lock, telephone or sessions."""
        return self._object("DELETE", f"/api/v1/accounts/{_segment(username)}/{_segment(what)}")

    def sessions(self) -> list[Json]:
        """The open sessions of everybody."""
        return _items(self._ask("GET", "/api/v1/accounts/sessions"), "items")

    def end_session(self, username: str, session_id: str) -> Json:
        """End one session of somebody."""
        return self._object("DELETE", f"/api/v1/accounts/{_segment(username)}/sessions/{_segment(session_id)}")

    def audit(self, **asked: str | int | None) -> Json:
        """A page of the audit as `{items, next_before}`."""
        query = {name: str(value) for name, value in asked.items() if value not in {None, ""}}
        return self._object("GET", "/api/v1/audit", query=query)

    def audit_acts(self) -> list[str]:
        """The acts that occur in the audit."""
        return [str(one) for one in self._object("GET", "/api/v1/audit/acts")["items"]]

    def modules(self) -> list[Json]:
        """The modules that are switched on, with the pages they bring."""
        return _items(self._ask("GET", "/api/v1/modules"), "modules")

    def areas(self) -> list[Json]:
        """The centre's territory: code, name, point and radius of each area."""
        return _items(self._ask("GET", "/api/v1/territory"), "areas")

    def module_get(self, name: str, path: str, **query: str | int | bool | None) -> Json:
        """An object below a module's own address, `/modules/<name>/`."""
        asked = {key: _query(value) for key, value in query.items() if value not in {None, ""}}
        return self._object("GET", _module_path(name, path), query=asked)

    def module_post(self, name: str, path: str, body: Json) -> Json:
        """Ask a module to do something."""
        return self._object("POST", _module_path(name, path), body=body)

    def module_bytes(self, name: str, path: str, body: Json | None = None) -> bytes:
        """A picture or a file of a module; with a body, one that is made for this question."""
        return self._accepted(self._send("POST" if body else "GET", _module_path(name, path), body=body)).content

    def _object(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: Json | None = None
    ) -> Json:
        answer = self._ask(method, path, query=query, body=body)
        if not isinstance(answer, dict):
            raise NodeDownError(f"{path} answered no object")
        return answer

    def _ask(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: Json | None = None
    ) -> object:
        content = _decoded(self._accepted(self._send(method, path, query=query, body=body)))
        if content is None:
            raise NodeDownError(f"{path} answered no JSON")
        return content

    @staticmethod
    def _accepted(answer: httpx.Response) -> httpx.Response:
        if answer.status_code >= HTTPStatus.BAD_REQUEST:
            content = _decoded(answer)
            raise RefusedError(answer.status_code, content if isinstance(content, dict) else {})
        return answer

    def _send(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: Json | None = None
    ) -> httpx.Response:
        headers = {"Accept": "application/json", "Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())}
        if self.origin:
            scheme, _, host = self.origin.partition("://")
            headers |= {"Origin": self.origin, "Host": host, "X-Forwarded-Host": host, "X-Forwarded-Proto": scheme}
        try:
            return self.connection.request(method, path, params=query, json=body, headers=headers)
        except httpx.HTTPError as error:
            raise NodeDownError(str(error)) from error


def _decoded(answer: httpx.Response) -> object:
    try:
        content: object = answer.json()
    except ValueError:
        return None
    return content


def _items(answer: object, name: str) -> list[Json]:
    found = answer.get(name, answer.get("items")) if isinstance(answer, dict) else answer
    return [one for one in found if isinstance(one, dict)] if isinstance(found, Sequence) else []


def _query(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _original(incident_id: str, digest: str) -> str:
    return f"/api/v1/incidents/{_segment(incident_id)}/originals/{_segment(digest)}"


def _module_path(name: str, path: str) -> str:
    """An address below a module; raises ValueError for one that would step out of it."""
    parts = (name, *path.split("/"))
    if not {".", "..", ""}.isdisjoint(parts):
        raise ValueError(f"not an address below a module: {name!r} {path!r}")
    return "/".join(("/modules", *map(_segment, parts)))


def _segment(text: str) -> str:
    """An id as one path segment, whatever somebody typed into the address bar."""
    return quote(text, safe="")
