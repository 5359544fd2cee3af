"""What can go wrong in the operation of a node, each with its HTTP status (RFC 9457)."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar


class NodeError(Exception):
    """An operating error: somebody is told what happened and what was not done."""

    status: ClassVar[int] = HTTPStatus.INTERNAL_SERVER_ERROR
    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "Lỗi hệ thống"

    def __init__(
        self, detail: str = "", *, errors: Sequence[Mapping[str, str]] = (), extra: Mapping[str, object] | None = None
    ) -> None:
        """Take the sentence for the person, the fields at fault, and members to add to the problem document."""
        super().__init__(detail or self.title)
        self.detail = detail[:1].upper() + detail[1:]
        self.errors = tuple(errors)
        self.extra = dict(extra or {})

    def problem(self) -> dict[str, Any]:
        """Describe the error as an RFC 9457 problem document."""
        body: dict[str, Any] = {
            "type": f"urn:lienthong:problem:{self.code}",
            "title": self.title,
            "status": int(self.status),
            "detail": self.detail,
            "code": self.code,
        }
        if self.errors:
            body["errors"] = [dict(error) for error in self.errors]
        return {**body, **self.extra}


class NotFound(NodeError):  # noqa: N818 - named as one says it
    """There is no such thing, or not for this person."""

    status = HTTPStatus.NOT_FOUND
    code = "not_found"
    title = "Không tìm thấy"


class Unauthenticated(NodeError):  # noqa: N818 - named as one says it
    """Nobody is signed in."""

    status = HTTPStatus.UNAUTHORIZED
    code = "unauthenticated"
    title = "Chưa đăng nhập"


class Forbidden(NodeError):  # noqa: N818 - named as one says it
    """Signed in, and not entitled."""

    status = HTTPStatus.FORBIDDEN
    code = "forbidden"
    title = "Không có quyền"


class Conflict(NodeError):  # noqa: N818 - named as one says it
    """The state does not allow it now."""

    status = HTTPStatus.CONFLICT
    code = "conflict"
    title = "Không thực hiện được ở trạng thái hiện tại"


class Stale(Conflict):
    """Somebody changed it since it was read."""

    code = "stale"
    title = "Dữ liệu đã thay đổi"


class CustodyLocked(NodeError):  # noqa: N818 - named as one says it
    """This centre was restored and does not know yet who answers for what; nothing was done."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "CUSTODY_LOCKED"
    title = "Tạm khóa vì trung tâm vừa được khôi phục"


class Invalid(NodeError):  # noqa: N818 - named as one says it
    """The input says something that cannot be."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "invalid"
    title = "Dữ liệu chưa hợp lệ"


class TooLarge(NodeError):  # noqa: N818 - named as one says it
    """More bytes than are accepted."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    code = "too_large"
    title = "Dữ liệu quá lớn"


class TooMany(NodeError):  # noqa: N818 - named as one says it
    """More requests than are served; a later one may succeed."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "too_many"
    title = "Quá nhiều yêu cầu"


class StorageFull(NodeError):  # noqa: N818 - named as one says it
    """The disk is full: what was asked has not been recorded."""

    status = HTTPStatus.INSUFFICIENT_STORAGE
    code = "storage_full"
    title = "Chưa ghi nhận: hết dung lượng lưu trữ"


class Unavailable(NodeError):  # noqa: N818 - named as one says it
    """Something that is needed does not answer; nothing was recorded."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "unavailable"
    title = "Chưa ghi nhận: hệ thống tạm thời không đáp ứng"
