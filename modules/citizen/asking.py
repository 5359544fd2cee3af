"""What a public route asks of a request first: which node it came to, how often, and which kind of answer it wants."""

from typing import Any

from fastapi import Request

from modules.citizen.addresses import network_of
from modules.citizen.settings import NAME, CitizenSettings
from node.context import NodeContext
from node.errors import TooMany

_MINUTE_S = 60.0
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": words}
    for status, words in (
        (409, "Khóa gửi đã dùng cho một phản ánh khác"),
        (413, "Quá lớn"),
        (415, "Không phải ảnh, hoặc không phải biểu mẫu"),
        (422, "Chưa hợp lệ; `errors` nêu từng mục"),
        (429, "Quá nhiều lần"),
        (503, "Chưa ghi nhận: quá tải"),
        (507, "Chưa ghi nhận: hết dung lượng"),
    )
}


def node_of(request: Request) -> NodeContext:
    """The running node that this request came to."""
    node: NodeContext = request.app.state.node
    return node


def settings_of(context: NodeContext) -> CitizenSettings:
    """The section [modules.citizen] of the node's settings."""
    settings = context.module_settings.get(NAME)
    return settings if isinstance(settings, CitizenSettings) else CitizenSettings()


def wants_page(request: Request) -> bool:
    """Whether a browser asks without a script, and is to be answered with a page."""
    accepted = request.headers.get("accept", "")
    return "text/html" in accepted and "application/json" not in accepted


def slow_down(request: Request, what: str, per_minute: int) -> None:
    """Take one turn of the asker's address; raises TooMany when the minute's turns are used up."""
    context = node_of(request)
    host = request.client.host if request.client else "-"
    if not context.pace.allow(f"citizen.{what} {network_of(host)}", per_minute, _MINUTE_S):
        raise TooMany("Quá nhiều lần trong một phút từ mạng này. Hãy chờ một phút rồi thử lại.")
