"""Figures as CSV: each line wears its whole label and says where it is from, and no cell is a formula."""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from node.territory import LOCAL_ZONE

_HEAD = (
    "Mã chỉ tiêu",
    "Chỉ tiêu",
    "Phân nhóm",
    "Kỳ",
    "Mã đơn vị hành chính",
    "Đơn vị hành chính",
    "Giá trị",
    "Giá trị của nơi đã gửi",
    "Quan hệ",
    "Đơn vị tính",
    "Tình trạng",
    "Trạng thái",
    "Trung tâm phải gửi",
    "Đã gửi",
    "Đã duyệt",
    "Đến muộn",
    "Im lặng",
    "Thiếu",
    "Tính đến",
    "Bản",
    "Định nghĩa",
    "Chính thức",
    "Căn cứ",
    "Nhập tay",
    "Số ô được ẩn",
    "Vì sao ẩn",
    "Phạm vi sử dụng",
    "Nguồn",
    "Bộ lọc",
    "Lập lúc",
)
_RELATIONS = {"=": "bằng", "<=": "không quá", ">": "trên"}
_EVIDENCE = {
    "doc": "theo văn bản",
    "multi": "nhiều nguồn",
    "memory": "theo trí nhớ, phải đối chiếu",
    "own": "dự án đề xuất",
}
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_STARTERS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a table is from: the centre, what was asked for, and for whom it is."""

    source: str
    filters: str
    made_at: datetime
    is_public: bool


def as_csv(found: Mapping[str, Any], origin: Origin) -> str:
    """The figures of one answer, a head and a line for each figure and each of its cells."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
    writer.writerow(_HEAD)
    for item in found["items"]:
        whole = (found, item, origin)
        writer.writerow([safe(cell) for cell in _line(whole, item, "")])
        for part in item["cells"]:
            group = " / ".join(one["title"] for one in part["dimensions"])
            writer.writerow([safe(cell) for cell in _line(whole, part, group)])
    return out.getvalue()


def safe(cell: object) -> str:
    """The cell as text that no spreadsheet takes for a formula; plain numbers stay numbers."""
    text = "" if cell is None else str(cell)
    return text if _NUMBER.fullmatch(text) or not text.startswith(_STARTERS) else f"'{text}"


def local_time(moment: str | None) -> str:
    """A time as it is on the clocks of the centres, with its offset."""
    if not moment:
        return ""
    return datetime.fromisoformat(moment).astimezone(LOCAL_ZONE).strftime("%d/%m/%Y %H:%M:%S +07:00")


def _line(
    whole: tuple[Mapping[str, Any], Mapping[str, Any], Origin], one: Mapping[str, Any], group: str
) -> Iterable[object]:
    found, item, origin = whole
    cover = one["coverage"]
    is_less = one.get("is_lower_bound")
    has_number = one["value"] is not None or one["partial"] is not None
    is_whole = one is item
    return (
        item["code"],
        item["name"],
        group,
        item["period"],
        item["area_code"],
        found["area_name"],
        one["value"],
        one["partial"],
        ("ít nhất" if is_less else _RELATIONS[one["relation"]]) if has_number else "",
        {"%": "phần trăm"}.get(item["unit"], item["unit"]),
        item["state_title"],
        one["status_title"],
        cover["expected"],
        cover["received"],
        cover["approved"],
        cover["late"],
        cover["silent"],
        "; ".join(item["missing"]),
        local_time(one["as_of"]),
        one["revision"],
        one["definition"],
        "có" if item["is_official"] else "không",
        "; ".join(part for part in (item["basis"], _EVIDENCE.get(item["evidence"], item["evidence"])) if part),
        item["typed"] if is_whole else "",
        item.get("withheld", 0) if is_whole else "",
        item.get("withheld_reason", "") if is_whole else "",
        "công bố" if origin.is_public else ("nội bộ, mật" if one.get("is_confidential") else "nội bộ"),
        origin.source,
        origin.filters,
        local_time(origin.made_at.isoformat()),
    )
