"""Forms of the node's own pages: each carries a token that only this browser's cookie or session makes worth something.

The check of Origin stands in front of it; the token holds where a browser or a proxy leaves that header out.
"""

from fastapi import Request, Response

from node.access import check_origin
from node.context import NodeContext
from node.errors import Forbidden
from node.login import Visit

STALE_FORM = "Biểu mẫu đã cũ, hãy thử lại."
_LASTS_S = 12 * 3600


def visitor_of(request: Request) -> str:
    """Give what a browser's forms are bound to before anybody is signed in: a random cookie, made if absent."""
    context: NodeContext = request.app.state.node
    known = request.cookies.get(_cookie(context), "")
    return known if len(known) == 32 and known.isalnum() else context.random(16).hex()  # noqa: PLR2004 - as made here


def remember(request: Request, response: Response, visitor: str) -> None:
    """Leave the random cookie with the browser."""
    context: NodeContext = request.app.state.node
    response.set_cookie(
        _cookie(context),
        visitor,
        max_age=_LASTS_S,
        path="/",
        httponly=True,
        samesite="strict",
        secure=context.settings.http.is_cookie_secure,
    )


def check_form(request: Request, binding: str, token: str) -> None:
    """Refuse a form that another site made, or that was made for another session."""
    context: NodeContext = request.app.state.node
    check_origin(request)
    if not context.tokens.is_form_token(binding, token):
        raise Forbidden(STALE_FORM)


def address_of(request: Request) -> str:
    """Give the address that a request comes from, as the server knows it."""
    return request.client.host if request.client else "-"


def visit_of(request: Request) -> Visit:
    """Give from where somebody comes."""
    device = request.headers.get("user-agent", "")
    return Visit(address=address_of(request), device="".join(one for one in device if one.isprintable())[:200])


def _cookie(context: NodeContext) -> str:
    return f"{context.tokens.cookie}_form"
