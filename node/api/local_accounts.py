"""The same acts for commands on this machine: whoever may open the node's socket is its owner."""

from typing import Any

from fastapi import APIRouter, Depends, Request

from node.access import public
from node.api.accounts import (
    Access,
    NewAccount,
    NewPassword,
    Scope,
    add_account,
    all_of,
    close_or_open,
    lift_lock,
    remove_factor,
    replace_password,
    scope,
)
from node.api.session import end_sessions, sessions_of

router = APIRouter(prefix="/local/v1/accounts", tags=["local"], dependencies=[Depends(public)])

LOCAL = "local"


@router.get("", summary="All accounts, for a command on this machine")
def everyone(request: Request) -> list[dict[str, Any]]:
    """List the accounts of this centre."""
    return all_of(request.app.state.node)


@router.post("", status_code=201, summary="A new account, from a command on this machine")
def add(request: Request, body: NewAccount) -> dict[str, Any]:
    """Create an account; a password that is given holds until it is replaced."""
    return add_account(request.app.state.node, body, LOCAL, must_change=False)


@router.get("/sessions", summary="The open sessions of everybody, for a command on this machine")
def sessions(request: Request) -> dict[str, Any]:
    """List who is signed in."""
    return {"items": sessions_of(request.app.state.node, None)}


@router.delete("/{username}/sessions", summary="End a person's sessions, from a command on this machine")
def end_all(request: Request, username: str) -> dict[str, int]:
    """Close all sessions of a person."""
    return {"ended": end_sessions(request.app.state.node, username, LOCAL)}


@router.put("/{username}/password", summary="Another password, from a command on this machine")
def set_password(request: Request, username: str, body: NewPassword) -> dict[str, Any]:
    """Replace a password and end that person's sessions; without one the node makes one for one use."""
    return replace_password(request.app.state.node, username, body.password, LOCAL, must_change=False)


@router.put("/{username}/access", summary="Close an account, or open it again, from a command on this machine")
def set_access(request: Request, username: str, body: Access) -> dict[str, Any]:
    """Close or open."""
    return close_or_open(request.app.state.node, username, LOCAL, disabled=body.disabled)


@router.put("/{username}/scope", summary="What somebody may do, and where, from a command on this machine")
def set_scope(request: Request, username: str, body: Scope) -> dict[str, Any]:
    """Give another role or area."""
    return scope(request.app.state.node, username, body, LOCAL)


@router.delete("/{username}/lock", summary="Lift a lock before its time, from a command on this machine")
def unlock(request: Request, username: str) -> dict[str, Any]:
    """Forget the failures that led to it."""
    return lift_lock(request.app.state.node, username, LOCAL)


@router.delete("/{username}/second-factor", summary="Forget a lost telephone, from a command on this machine")
def forget_telephone(request: Request, username: str) -> dict[str, Any]:
    """Remove the second factor and end that person's sessions."""
    return remove_factor(request.app.state.node, username, LOCAL)
