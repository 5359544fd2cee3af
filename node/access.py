"""Who is asking, and may they: tokens, the one cookie, permissions and the scope by area are decided here only.

Every route opens with `Depends(require(Permission.X))`, `Depends(signed_in)` or `Depends(public)`. What is refused is
logged and kept in the audit. A request that changes something and comes with the cookie must come from our own origin.
"""

import contextlib
import hmac
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import jwt
from fastapi import Response
from starlette.requests import HTTPConnection

from node import audit, login
from node.clock import Clock
from node.errors import Forbidden, NotFound, Unauthenticated, Unavailable
from node.role import PERMISSION_TITLES, PERMISSIONS, ROLE_TITLES, Permission, Principal, Role
from node.territory import Territory

if TYPE_CHECKING:
    from node.context import NodeContext

__all__ = [
    "PERMISSIONS",
    "Permission",
    "Principal",
    "Role",
    "SessionTokens",
    "check_origin",
    "check_within",
    "principal_of",
    "public",
    "require",
    "signed_in",
    "within",
]

log = logging.getLogger(__name__)

SESSION_KEY, FACTOR_KEY = "session.key", "factor.key"
_LOST = {SESSION_KEY: "everybody signs in again", FACTOR_KEY: "every telephone must be set up again"}
_UNATTENDED = "lt-unattended"  # a header of our own screens: they ask by themselves, nobody touched anything
_NOTED_S = 60.0
_ALGORITHM = "HS256"
_CLAIMS = ["exp", "iat", "aud", "sub", "jti"]
_SECRET_BYTES = 32
_SAFE = {"GET", "HEAD", "OPTIONS"}
_REFUSALS_A_MINUTE = 30


class KeyFileError(Exception):
    """The session key cannot be used; the message is a sentence for the person who started the node."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified token says: whose session, and which."""

    username: str
    jti: str
    expires_at: datetime


class SessionTokens:
    """The one wrapper around JWT: one algorithm, one audience (this node), nothing optional, our clock."""

    def __init__(self, secret: bytes, node_name: str, clock: Clock) -> None:
        """Take the node's own secret; a token of another node is worth nothing here."""
        if len(secret) < _SECRET_BYTES:
            raise KeyFileError("the session key is too short")
        self._secret = secret
        self._audience = node_name
        self._clock = clock
        self.cookie = f"lt_{node_name.removeprefix('n-')[:8]}"

    def form_token(self, binding: str) -> str:
        """Make what a form must carry back: worth something with this cookie or session only."""
        return hmac.digest(self._secret, f"form\n{self._audience}\n{binding}".encode(), "sha256").hex()

    def is_form_token(self, binding: str, token: str) -> bool:
        """Say whether a form was made for this cookie or session."""
        return hmac.compare_digest(self.form_token(binding).encode(), token.encode())

    def sign(self, *, username: str, jti: str, expires_at: datetime) -> str:
        """Make the token of a session that is open."""
        claims = {"sub": username, "jti": jti, "aud": self._audience, "iss": self._audience}
        times = {"iat": int(self._clock.now().timestamp()), "exp": int(expires_at.timestamp())}
        return jwt.encode({**claims, **times}, self._secret, algorithm=_ALGORITHM)

    def verify(self, token: str) -> Claims:
        """Read a token or raise Unauthenticated; whether its session is still open is the database's to say."""
        options: dict[str, Any] = {"require": _CLAIMS, "strict_aud": True, "verify_exp": False, "verify_iat": False}
        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=[_ALGORITHM],
                audience=self._audience,
                issuer=self._audience,
                options=options,  # type: ignore[arg-type]  # PyJWT's own type for options lacks strict_aud
            )
            now = self._clock.now().timestamp()
            if not claims["iat"] - 60 <= now < claims["exp"]:
                raise Unauthenticated("phiên đăng nhập đã hết hạn")
            return Claims(claims["sub"], claims["jti"], datetime.fromtimestamp(claims["exp"], self._clock.now().tzinfo))
        except (jwt.InvalidTokenError, TypeError) as error:
            raise Unauthenticated("phiên đăng nhập không hợp lệ") from error


def session_secret(folder: Path, random: Callable[[int], bytes]) -> bytes:
    """Give the key that signs sessions."""
    return secret_file(folder, SESSION_KEY, random)


def secret_file(folder: Path, name: str, random: Callable[[int], bytes]) -> bytes:
    """Read a key of the keys' folder, made 0600 when it is absent; refuse one that others may read."""
    file = folder / name
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            out.write(random(_SECRET_BYTES))
    problem = session_key_problem(folder, name)
    if problem:
        raise KeyFileError(problem)
    return file.read_bytes()


def session_key_problem(folder: Path, name: str = SESSION_KEY) -> str | None:
    """Say what is wrong with an existing key; one that is absent will be made and is fine."""
    file = folder / name
    if not file.exists():
        return None
    if file.stat().st_mode & 0o077:
        return f"others may read {file}; close it: chmod 600 {file}"
    if file.stat().st_size < _SECRET_BYTES:
        return f"{file} is too short; remove it, and {_LOST[name]}"
    return None


def set_cookie(response: Response, context: "NodeContext", token: str, expires_at: datetime) -> None:
    """Hand the session to the browser: no script reads it, no other site sends it with a change."""
    response.set_cookie(
        context.tokens.cookie,
        token,
        max_age=int((expires_at - context.clock.now()).total_seconds()),
        path="/",
        httponly=True,
        samesite="lax",
        secure=context.settings.http.is_cookie_secure,
    )


def principal_of(connection: HTTPConnection) -> Principal:
    """Say who is asking; raise Unauthenticated, or Forbidden for a change that another site asked for."""
    context: NodeContext = connection.app.state.node
    token = connection.cookies.get(context.tokens.cookie)
    if not token:
        raise Unauthenticated("cần đăng nhập")
    try:
        check_origin(connection)
        claims = context.tokens.verify(token)
        found = _holder(context, claims)
    except (Unauthenticated, Forbidden) as error:
        _refused(connection, "-", error.detail)
        raise
    if _is_use(connection):
        _note_use(context, claims.jti)
    return found


def _is_use(connection: HTTPConnection) -> bool:
    """Whether a person is behind this; a live screen counts as one if the settings say so."""
    if connection.scope["type"] == "websocket" or _UNATTENDED in connection.headers:
        watching: bool = connection.app.state.node.settings.accounts.watching_is_use
        return watching and connection.headers.get(_UNATTENDED) != "proxy"
    return True


def _note_use(context: "NodeContext", jti: str) -> None:
    """Keep the time, at most once a minute; a session that nobody uses ends."""
    apart_s = min(_NOTED_S, context.settings.accounts.idle.total_seconds() / 4)
    if context.pace.allow(f"seen:{jti}", 1, apart_s):
        now = context.clock.now()
        with contextlib.suppress(Unavailable):  # a database that is overloaded has more urgent things to keep
            context.database.submit(lambda session: login.see(session, jti, now))


def _holder(context: "NodeContext", claims: Claims) -> Principal:
    now, idle = context.clock.now(), context.settings.accounts.idle
    found = context.database.read(
        lambda session: login.principal(session, jti=claims.jti, username=claims.username, now=now, idle=idle)
    )
    if found is None:
        raise Unauthenticated("phiên đăng nhập đã kết thúc")
    return found


def check_origin(connection: HTTPConnection) -> None:
    """Refuse a change, or a live connection, that a page of another origin asked for."""
    if connection.scope["type"] == "http" and connection.scope["method"] in _SAFE:
        return
    origin = connection.headers.get("origin")
    if origin is None:  # no browser of today leaves it out when it changes something
        is_ours = connection.headers.get("sec-fetch-site", "none") in {"same-origin", "none"}
    else:
        host = urlsplit(origin).netloc
        own = connection.app.state.node.settings.http.origin
        is_ours = origin == own or bool(host and host == connection.headers.get("host"))
    if not is_ours:
        raise Forbidden("yêu cầu đến từ một trang khác")


class Requires:
    """A dependency that gives the Principal, if that person has the permission."""

    def __init__(self, permission: Permission | None) -> None:
        """Take the permission; None is for whoever is signed in."""
        self.permission = permission

    def __call__(self, connection: HTTPConnection) -> Principal:
        """Let through or raise; a refusal is audited."""
        principal = principal_of(connection)
        if self.permission is not None and self.permission not in principal.permissions:
            _refused(connection, principal.username, f"lacks {self.permission}")
            raise Forbidden(f"vai trò {ROLE_TITLES[principal.role]} không được {PERMISSION_TITLES[self.permission]}")
        return principal


class Public:
    """A dependency that says, for those who read and check the code: anybody may ask this."""

    def __call__(self) -> None:
        """Let everybody through."""


def require(permission: Permission) -> Requires:
    """Name the permission that a route needs: `Depends(require(Permission.X))`."""
    return Requires(permission)


signed_in = Requires(None)
public = Public()


def within(principal: Principal, territory: Territory, area_code: str, on: date) -> bool:
    """Say whether the area lies in the one that the person's account is for."""
    if principal.area_code is None:
        return True
    return principal.area_code == area_code or territory.is_inside(area_code, principal.area_code, on)


def check_within(connection: HTTPConnection, principal: Principal, area_code: str) -> None:
    """Raise NotFound for what lies outside: that it exists is not said either; the try is audited."""
    context: NodeContext = connection.app.state.node
    on = context.territory.local_date(context.clock.now())
    if not within(principal, context.territory, area_code, on):
        _refused(connection, principal.username, f"outside of {principal.area_code}: {area_code}")
        raise NotFound("không tìm thấy trong phạm vi của tài khoản")


def _refused(connection: HTTPConnection, actor: str, reason: str) -> None:
    """Log and audit; strangers fill the audit at a limited pace only."""
    context: NodeContext = connection.app.state.node
    address = connection.client.host if connection.client else "-"
    detail: Mapping[str, object] = {"reason": reason, "address": address}
    log.warning("refused", extra={"actor": actor, "path": connection.url.path, **detail})
    if actor == "-" and not context.pace.allow("refused", _REFUSALS_A_MINUTE, 60.0):
        return
    now, path = context.clock.now(), connection.url.path
    context.database.submit(
        lambda session: audit.record(session, actor=actor, act="access.refused", subject=path, detail=detail, now=now)
    )
