"""Figures as CSV: each line wears its whole label, and no cell is anything that a spreadsheet would carry out."""

import csv
import io
import re
from collections.abc import Iterable
from typing import Any

_HEAD = (
    "Mã chỉ tiêu",
    "Chỉ tiêu",
    "Phân nhóm",
    "Kỳ",
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
)
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_STARTERS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")


def as_csv(found: dict[str, Any]) -> str:
    """The figures of one answer, a head and a line for each figure and each of its cells."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
    writer.writerow(_HEAD)
    for item in found["items"]:
        writer.writerow([safe(cell) for cell in _line(item, item, "")])
        for part in item["cells"]:
            group = " / ".join(one["title"] for one in part["dimensions"])
            writer.writerow([safe(cell) for cell in _line(item, part, group)])
    return out.getvalue()


def safe(cell: object) -> str:
    """The cell as text that no spreadsheet takes for a formula; plain numbers stay numbers."""
    text = "" if cell is None else str(cell)
    return text if _NUMBER.fullmatch(text) or not text.startswith(_STARTERS) else f"'{text}"


def _line(item: dict[str, Any], one: dict[str, Any], group: str) -> Iterable[object]:
    cover = one["coverage"]
    return (
        item["code"],
        item["name"],
        group,
        item["period"],
        item["area_code"],
        one["value"],
        one["partial"],
        f"'{one['relation']}",
        item["unit"],
        item["state_title"],
        one["status_title"],
        cover["expected"],
        cover["received"],
        cover["approved"],
        cover["late"],
        cover["silent"],
        "; ".join(item["missing"]),
        one["as_of"],
        one["revision"],
        one["definition"],
        "có" if item["is_official"] else "không",
    )
