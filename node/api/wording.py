"""What is wrong with an input, in Vietnamese: the words for what the checks of requests find."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

# by the checker's own name for a fault; what stands in braces is the limit that was passed
_FAULTS: Mapping[str, str] = {
    "missing": "thiếu mục này",
    "extra_forbidden": "không có mục này",
    "json_invalid": "không phải JSON hợp lệ",
    "less_than": "phải nhỏ hơn {lt}",
    "less_than_equal": "phải nhỏ hơn hoặc bằng {le}",
    "greater_than": "phải lớn hơn {gt}",
    "greater_than_equal": "phải lớn hơn hoặc bằng {ge}",
    "string_too_long": "dài quá {max_length} ký tự",
    "string_too_short": "cần ít nhất {min_length} ký tự",
    "string_type": "phải là chữ",
    "string_pattern_mismatch": "không đúng dạng",
    "too_long": "nhiều quá {max_length} mục",
    "too_short": "cần ít nhất {min_length} mục",
    "int_type": "phải là số nguyên",
    "int_parsing": "phải là số nguyên",
    "int_from_float": "phải là số nguyên",
    "int_parsing_size": "số quá lớn",
    "float_type": "phải là số",
    "float_parsing": "phải là số",
    "finite_number": "phải là số hữu hạn",
    "bool_type": "phải là đúng hoặc sai (true, false)",
    "bool_parsing": "phải là đúng hoặc sai (true, false)",
    "uuid_type": "không phải mã định danh (UUID)",
    "uuid_parsing": "không phải mã định danh (UUID)",
    "datetime_type": "không phải thời điểm",
    "datetime_parsing": "không phải thời điểm",
    "datetime_from_date_parsing": "không phải thời điểm",
    "timezone_aware": "thiếu múi giờ",
    "date_parsing": "không phải ngày",
    "date_from_datetime_parsing": "không phải ngày",
    "enum": "giá trị không có trong danh sách",
    "literal_error": "giá trị không có trong danh sách",
    "dict_type": "phải là một đối tượng JSON",
    "model_type": "phải là một đối tượng JSON",
    "model_attributes_type": "phải là một đối tượng JSON",
    "list_type": "phải là một danh sách",
}
_OTHER = "không hợp lệ"
# the framework's own refusals: code, title and sentence; its English is shown to nobody
REFUSALS: Mapping[int, tuple[str, str, str]] = {
    HTTPStatus.BAD_REQUEST: ("bad_request", "Yêu cầu không đọc được", "Không đọc được nội dung được gửi."),
    HTTPStatus.UNAUTHORIZED: ("unauthenticated", "Chưa đăng nhập", "Hãy đăng nhập rồi thử lại."),
    HTTPStatus.FORBIDDEN: ("forbidden", "Không có quyền", "Không được làm việc này."),
    HTTPStatus.NOT_FOUND: ("not_found", "Không tìm thấy", "Không có gì ở địa chỉ này."),
    HTTPStatus.METHOD_NOT_ALLOWED: (
        *("method_not_allowed", "Phương thức không được hỗ trợ"),
        "Địa chỉ này không nhận phương thức đó.",
    ),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ("too_large", "Dữ liệu quá lớn", "Yêu cầu lớn hơn mức cho phép."),
    HTTPStatus.TOO_MANY_REQUESTS: ("too_many", "Quá nhiều yêu cầu", "Hãy thử lại sau ít phút."),
}


def faults(found: Sequence[Mapping[str, Any]]) -> tuple[str, list[dict[str, str]]]:
    """The sentence about an input that was refused, and its fields at fault with what is wrong in each."""
    if any(one["type"] == "json_invalid" for one in found):
        return "nội dung được gửi không phải JSON hợp lệ", [{"field": "body", "message": _FAULTS["json_invalid"]}]
    fields = [{"field": _field(one["loc"]), "message": _message(one)} for one in found]
    names = ", ".join(dict.fromkeys(one["field"] for one in fields))
    return f"dữ liệu chưa hợp lệ ở: {names}", fields


def _field(place: Sequence[str | int]) -> str:
    return ".".join(str(part) for part in place if part != "body") or "body"


def _message(one: Mapping[str, Any]) -> str:
    try:
        return _FAULTS.get(one["type"], _OTHER).format_map(one.get("ctx") or {})
    except (KeyError, ValueError):
        return _OTHER
