"""What a public route asks first: which centre a request came to, how often, which kind of answer it wants."""

from typing import Any

from fastapi import Request

from modules.citizen.addresses import network_of
from modules.citizen.counter import Counter, LineCounter, OwnCounter
from modules.citizen.settings import CitizenSettings, settings_of
from node.errors import TooMany
from node.facts import Facts

_MINUTE_S = 60.0
_BURST_S = 5.0
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": words}
    for status, words in (
        (408, "Gửi quá lâu"),
        (409, "Khóa gửi đã dùng cho một phản ánh khác"),
        (413, "Quá lớn"),
        (415, "Không phải ảnh, hoặc không phải biểu mẫu"),
        (422, "Chưa hợp lệ; `errors` nêu từng mục"),
        (429, "Quá nhiều lần"),
        (503, "Chưa ghi nhận: quá tải"),
        (507, "Chưa ghi nhận: hết dung lượng"),
    )
}


def facts_of(request: Request) -> Facts:
    """The centre that this request came to, as far as strangers may know it."""
    facts: Facts = request.app.state.node
    return facts


def counter_of(request: Request) -> Counter:
    """Who keeps and finds reports: the node, across the line where this is the intake process."""
    state = request.app.state
    line = getattr(state, "line", None)
    return OwnCounter(state.node) if line is None else LineCounter(line)


def wants_page(request: Request) -> bool:
    """Whether a browser asks without a script, and is to be answered with a page."""
    accepted = request.headers.get("accept", "")
    return "text/html" in accepted and "application/json" not in accepted


def take_turn_to_report(request: Request) -> None:
    """Take one turn of the asker's address and one of all; raises TooMany, before anything is read."""
    settings: CitizenSettings = settings_of(facts_of(request))
    _take_turn(request, "report", settings.reports_per_minute, settings.all_reports_per_s)


def take_turn_to_look(request: Request) -> None:
    """Take one turn to look something up; raises TooMany."""
    settings: CitizenSettings = settings_of(facts_of(request))
    _take_turn(request, "lookup", settings.lookups_per_minute, settings.all_lookups_per_s)


def _take_turn(request: Request, what: str, per_minute: int, all_per_s: int) -> None:
    pace = facts_of(request).pace
    host = request.client.host if request.client else "-"
    if not pace.allow(f"citizen.{what} {network_of(host)}", per_minute, _MINUTE_S):
        raise TooMany("Quá nhiều lần trong một phút từ mạng này. Hãy chờ một phút rồi thử lại.")
    if not pace.allow(f"citizen.{what}", round(all_per_s * _BURST_S), _BURST_S):
        raise TooMany("Chưa nhận: rất nhiều người đang gửi cùng lúc. Hãy chờ một phút rồi thử lại.")
