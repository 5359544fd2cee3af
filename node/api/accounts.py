"""Give out, close and open accounts; the same acts for an administrator's browser and for commands on this machine."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from node import account
from node.access import Permission, Principal, public, require
from node.account import Account
from node.context import NodeContext
from node.errors import Conflict, Invalid
from node.role import Role

router = APIRouter(prefix="/api/v1/accounts", tags=["accounts"])
local_router = APIRouter(prefix="/local/v1/accounts", tags=["local"], dependencies=[Depends(public)])

Manager = Annotated[Principal, Depends(require(Permission.ACCOUNT_MANAGE))]
LOCAL = "local"  # whoever may open the node's socket is its owner


class NewAccount(BaseModel):
    """Somebody who is to get in."""

    username: str = Field(max_length=64)
    display_name: str = Field(default="", max_length=200)
    role: Role
    area_code: str | None = Field(default=None, max_length=16)
    password: str = Field(max_length=account.LONGEST_PASSWORD)


class NewPassword(BaseModel):
    """A password that replaces the one before."""

    password: str = Field(max_length=account.LONGEST_PASSWORD)


class Access(BaseModel):
    """Whether an account is closed."""

    disabled: bool


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
    }


@router.get("", summary="All accounts", dependencies=[Depends(require(Permission.ACCOUNT_MANAGE))])
@local_router.get("", summary="All accounts, for a command on this machine")
def everyone(request: Request) -> list[dict[str, Any]]:
    """List the accounts of this centre."""
    context: NodeContext = request.app.state.node
    return [view(one) for one in context.database.read(account.everyone)]


@router.post("", status_code=201, summary="A new account")
def add(request: Request, body: NewAccount, manager: Manager) -> dict[str, Any]:
    """Create an account."""
    return _add(request, body, manager.username)


@local_router.post("", status_code=201, summary="A new account, from a command on this machine")
def add_locally(request: Request, body: NewAccount) -> dict[str, Any]:
    """Create an account."""
    return _add(request, body, LOCAL)


@router.put("/{username}/password", summary="Another password")
def set_password(request: Request, username: str, body: NewPassword, manager: Manager) -> dict[str, Any]:
    """Replace a password and end that person's sessions."""
    return _set_password(request, username, body, manager.username)


@local_router.put("/{username}/password", summary="Another password, from a command on this machine")
def set_password_locally(request: Request, username: str, body: NewPassword) -> dict[str, Any]:
    """Replace a password and end that person's sessions."""
    return _set_password(request, username, body, LOCAL)


@router.put("/{username}/access", summary="Close an account, or open it again")
def set_access(request: Request, username: str, body: Access, manager: Manager) -> dict[str, Any]:
    """Close or open; an administrator cannot close the account in use."""
    if body.disabled and username == manager.username:
        raise Conflict("không thể tự khóa tài khoản đang dùng")
    return _set_access(request, username, body, manager.username)


@local_router.put("/{username}/access", summary="Close an account, or open it again, from a command on this machine")
def set_access_locally(request: Request, username: str, body: Access) -> dict[str, Any]:
    """Close or open."""
    return _set_access(request, username, body, LOCAL)


def _add(request: Request, body: NewAccount, actor: str) -> dict[str, Any]:
    context: NodeContext = request.app.state.node
    area_code = body.area_code or None
    on = context.territory.local_date(context.clock.now())
    if area_code and context.territory.area(area_code, on) is None:
        raise Invalid(f"không có đơn vị hành chính {area_code}", errors=[{"field": "area_code"}])
    hashed, now = account.hash_password(body.username, body.password), context.clock.now()

    def step(session: Session) -> Account:
        return account.add(
            session,
            username=body.username,
            display_name=body.display_name,
            role=body.role,
            area_code=area_code,
            password_hash=hashed,
            actor=actor,
            now=now,
        )

    return view(context.database.write(step))


def _set_password(request: Request, username: str, body: NewPassword, actor: str) -> dict[str, Any]:
    context: NodeContext = request.app.state.node
    hashed, now = account.hash_password(username, body.password), context.clock.now()
    return view(
        context.database.write(lambda session: account.set_password(session, username, hashed, actor=actor, now=now))
    )


def _set_access(request: Request, username: str, body: Access, actor: str) -> dict[str, Any]:
    context: NodeContext = request.app.state.node
    now = context.clock.now()
    return view(
        context.database.write(
            lambda session: account.set_disabled(session, username, disabled=body.disabled, actor=actor, now=now)
        )
    )
