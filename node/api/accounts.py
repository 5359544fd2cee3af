"""Give out, scope, close and open accounts: an administrator's work in a browser or by a program."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from node import account, login, password, second_factor
from node.access import Permission, Principal, require
from node.account import Account
from node.api.session import end_one, end_sessions, sessions_of
from node.context import NodeContext
from node.errors import Conflict, Invalid, NotFound
from node.role import Role
from node.scope import is_within_centre

router = APIRouter(prefix="/api/v1/accounts", tags=["accounts"])

Manager = Annotated[Principal, Depends(require(Permission.ACCOUNT_MANAGE))]


class NewAccount(BaseModel):
    """Somebody who is to get in; without a password the node makes one for one use."""

    username: str = Field(max_length=64)
    display_name: str = Field(default="", max_length=200)
    role: Role
    area_code: str | None = Field(default=None, max_length=16)
    password: str | None = Field(default=None, max_length=account.LONGEST_PASSWORD)


class NewPassword(BaseModel):
    """A password that replaces the one before; without one the node makes one for one use."""

    password: str | None = Field(default=None, max_length=account.LONGEST_PASSWORD)


class Access(BaseModel):
    """Whether an account is closed."""

    disabled: bool


class Scope(BaseModel):
    """What somebody may do, where, and how the name reads."""

    role: Role
    area_code: str | None = Field(default=None, max_length=16)
    display_name: str = Field(default="", max_length=200)


def view(one: Account) -> dict[str, Any]:
    """Describe an account to a program."""
    return {
        "username": one.username,
        "display_name": one.display_name,
        "role": one.role.value,
        "area_code": one.area_code,
        "disabled": one.disabled,
        "locked_until": one.locked_until.isoformat() if one.locked_until else None,
        "created_at": one.created_at.isoformat(),
        "must_change": one.must_change,
    }


@router.get("", summary="All accounts", dependencies=[Depends(require(Permission.ACCOUNT_MANAGE))])
def everyone(request: Request) -> list[dict[str, Any]]:
    """List the accounts of this centre, with what each has open and whether a telephone is set up."""
    return all_of(request.app.state.node)


@router.post("", status_code=201, summary="A new account")
def add(request: Request, body: NewAccount, manager: Manager) -> dict[str, Any]:
    """Create an account; its password is for one use, and shown in this answer only."""
    return add_account(request.app.state.node, body, manager.username, must_change=True)


@router.get(
    "/sessions", summary="The open sessions of everybody", dependencies=[Depends(require(Permission.ACCOUNT_MANAGE))]
)
def sessions(request: Request, manager: Manager) -> dict[str, Any]:
    """List who is signed in, from where, since when; the last used first."""
    return {"items": sessions_of(request.app.state.node, None, manager.session_id)}


@router.delete("/{username}/sessions", summary="End a person's sessions")
def end_all(request: Request, username: str, manager: Manager) -> dict[str, int]:
    """Close all sessions of a person."""
    but = manager.session_id if username == manager.username else ""
    return {"ended": end_sessions(request.app.state.node, username, manager.username, but)}


@router.delete("/{username}/sessions/{session_id}", summary="End one session of a person")
def end_session(request: Request, username: str, session_id: str, manager: Manager) -> dict[str, int]:
    """Close one session."""
    return {"ended": end_one(request.app.state.node, username, session_id, manager.username)}


@router.put("/{username}/password", summary="A one-time password")
def set_password(request: Request, username: str, body: NewPassword, manager: Manager) -> dict[str, Any]:
    """Replace a password by one for one use, shown in this answer only, and end that person's sessions."""
    if username == manager.username:
        raise Conflict("mật khẩu của chính mình thì đổi ở trang tài khoản")
    return replace_password(request.app.state.node, username, body.password, manager.username, must_change=True)


@router.put("/{username}/access", summary="Close an account, or open it again")
def set_access(request: Request, username: str, body: Access, manager: Manager) -> dict[str, Any]:
    """Close or open; an administrator cannot close the account in use."""
    if body.disabled and username == manager.username:
        raise Conflict("không thể tự khóa tài khoản đang dùng")
    return close_or_open(request.app.state.node, username, manager.username, disabled=body.disabled)


@router.put("/{username}/scope", summary="What somebody may do, and where")
def set_scope(request: Request, username: str, body: Scope, manager: Manager) -> dict[str, Any]:
    """Give another role or area; sessions with the former rights end."""
    if username == manager.username and body.role is not manager.role:
        raise Conflict("không thể tự đổi vai trò của tài khoản đang dùng")
    return scope(request.app.state.node, username, body, manager.username)


@router.delete("/{username}/lock", summary="Lift a lock before its time")
def unlock(request: Request, username: str, manager: Manager) -> dict[str, Any]:
    """Forget the failures that led to it."""
    return lift_lock(request.app.state.node, username, manager.username)


@router.delete("/{username}/second-factor", summary="Forget a telephone that is lost")
def forget_telephone(request: Request, username: str, manager: Manager) -> dict[str, Any]:
    """Remove the second factor and end that person's sessions; a role that must have one sets it up anew."""
    if username == manager.username:
        raise Conflict("điện thoại của chính mình thì đổi ở trang tài khoản")
    return remove_factor(request.app.state.node, username, manager.username)


def all_of(context: NodeContext) -> list[dict[str, Any]]:
    """Describe every account."""
    now, idle = context.clock.now(), context.settings.accounts.idle

    def read(session: Session) -> list[dict[str, Any]]:
        counts, holders = login.open_counts(session, now, idle=idle), second_factor.holders(session)
        return [
            {
                **view(one),
                "locked": bool(one.locked_until and one.locked_until > now),
                "sessions": counts.get(one.username, 0),
                "second_factor": one.username in holders,
                "recovery_left": holders.get(one.username, 0),
            }
            for one in account.everyone(session)
        ]

    return context.database.read(read)


def add_account(context: NodeContext, body: NewAccount, actor: str, *, must_change: bool) -> dict[str, Any]:
    """Create an account; answers with the one-time password if the node made it."""
    area_code = _area(context, body.role, body.area_code)
    given = body.password or password.one_time_password(context.random)
    hashed = password.hash_password(body.username, given, shortest=context.settings.accounts.shortest_password)
    now = context.clock.now()
    one = context.database.write(
        lambda session: account.add(
            session,
            username=body.username,
            display_name=body.display_name,
            role=body.role,
            area_code=area_code,
            password_hash=hashed,
            actor=actor,
            now=now,
            must_change=must_change or not body.password,
        )
    )
    return view(one) | ({} if body.password else {"one_time_password": given})


def replace_password(
    context: NodeContext, username: str, given: str | None, actor: str, *, must_change: bool
) -> dict[str, Any]:
    """Replace a password; answers with the one-time password if the node made it."""
    new = given or password.one_time_password(context.random)
    hashed = password.hash_password(username, new, shortest=context.settings.accounts.shortest_password)
    now, one_use = context.clock.now(), must_change or not given
    one = context.database.write(
        lambda session: account.set_password(session, username, hashed, actor=actor, now=now, must_change=one_use)
    )
    context.pace.forget_ending("wrong:", f":{username}")
    return view(one) | ({} if given else {"one_time_password": new})


def close_or_open(context: NodeContext, username: str, actor: str, *, disabled: bool) -> dict[str, Any]:
    """Close an account with all its sessions, or open it again."""
    now = context.clock.now()
    return view(
        context.database.write(
            lambda session: account.set_disabled(session, username, disabled=disabled, actor=actor, now=now),
            urgent=True,
        )
    )


def scope(context: NodeContext, username: str, body: Scope, actor: str) -> dict[str, Any]:
    """Give another role, area or name."""
    area_code, now = _area(context, body.role, body.area_code), context.clock.now()
    return view(
        context.database.write(
            lambda session: account.set_scope(
                session,
                username,
                role=body.role,
                area_code=area_code,
                display_name=body.display_name,
                actor=actor,
                now=now,
            )
        )
    )


def lift_lock(context: NodeContext, username: str, actor: str) -> dict[str, Any]:
    """Lift a lock of the account, and the pauses of the addresses that failed for it."""
    now = context.clock.now()
    one = context.database.write(lambda session: account.unlock(session, username, actor=actor, now=now))
    context.pace.forget_ending("wrong:", f":{username}")
    return view(one)


def remove_factor(context: NodeContext, username: str, actor: str) -> dict[str, Any]:
    """Forget somebody's telephone and codes on paper; raise NotFound if none was set up."""
    now = context.clock.now()

    def step(session: Session) -> Account:
        one = account.get(session, username)
        if not second_factor.remove(session, username, actor=actor, now=now):
            raise NotFound("tài khoản này chưa cài đặt điện thoại")
        login.end_all(session, username, now)
        return one

    return view(context.database.write(step))


def _area(context: NodeContext, role: Role, area_code: str | None) -> str | None:
    """The area as it is kept; an administrator could give himself any, so a limit would only look like one."""
    if role is Role.ADMIN and area_code and area_code != context.centre.area_code:
        problem = "quản trị không giới hạn theo địa bàn: hãy để phạm vi là toàn địa bàn"
        raise Invalid(problem, errors=[{"field": "area_code", "message": problem}])
    on = context.territory.local_date(context.clock.now())
    if area_code and context.territory.area(area_code, on) is None:
        problem = f"không có đơn vị hành chính {area_code}"
        raise Invalid(problem, errors=[{"field": "area_code", "message": problem}])
    if area_code and not is_within_centre(context, area_code):
        problem = f"đơn vị {area_code} không thuộc địa bàn của {context.centre.title}"
        raise Invalid(problem, errors=[{"field": "area_code", "message": problem}])
    return area_code or None
