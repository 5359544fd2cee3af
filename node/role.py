"""Roles, what each may do, and who somebody is once that is known."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Role(StrEnum):
    """What somebody is at a centre."""

    CITIZEN = "citizen"  # công dân
    OPERATOR = "operator"  # cán bộ trực
    LEADER = "leader"  # lãnh đạo
    ADMIN = "admin"  # quản trị


ROLE_TITLES: Mapping[Role, str] = {
    Role.CITIZEN: "Người dân",
    Role.OPERATOR: "Cán bộ trực",
    Role.LEADER: "Lãnh đạo",
    Role.ADMIN: "Quản trị",
}


class Permission(StrEnum):
    """What a route may ask for."""

    INCIDENT_READ = "incident.read"
    INCIDENT_ACT = "incident.act"
    INCIDENT_APPROVE = "incident.approve"
    REPORT_READ = "report.read"
    REPORT_IDENTITY = "report.identity"
    FIGURE_READ = "figure.read"
    FIGURE_PREPARE = "figure.prepare"
    FIGURE_APPROVE = "figure.approve"
    LINK_READ = "link.read"
    ACCOUNT_MANAGE = "account.manage"
    AUDIT_READ = "audit.read"
    TOKEN_ISSUE = "token.issue"  # noqa: S105 - a permission's name


# after "không được": what somebody may do who has it
PERMISSION_TITLES: Mapping[Permission, str] = {
    Permission.INCIDENT_READ: "xem sự cố",
    Permission.INCIDENT_ACT: "xử lý sự cố",
    Permission.INCIDENT_APPROVE: "phê duyệt trong xử lý sự cố",
    Permission.REPORT_READ: "xem phản ánh của người dân",
    Permission.REPORT_IDENTITY: "xem danh tính người phản ánh",
    Permission.FIGURE_READ: "xem số liệu tổng hợp",
    Permission.FIGURE_PREPARE: "nhập và chuẩn bị số liệu",
    Permission.FIGURE_APPROVE: "duyệt và mở khóa số liệu",
    Permission.LINK_READ: "xem tình trạng kết nối",
    Permission.ACCOUNT_MANAGE: "quản lý tài khoản",
    Permission.AUDIT_READ: "xem nhật ký kiểm toán",
    Permission.TOKEN_ISSUE: "cấp mã tham gia cho trung tâm",
}

_OPERATOR = frozenset(
    {
        Permission.INCIDENT_READ,
        Permission.INCIDENT_ACT,
        Permission.REPORT_READ,
        Permission.REPORT_IDENTITY,
        Permission.FIGURE_READ,
        Permission.FIGURE_PREPARE,
        Permission.LINK_READ,
    }
)

PERMISSIONS: Mapping[Role, frozenset[Permission]] = MappingProxyType(
    {
        Role.CITIZEN: frozenset(),
        Role.OPERATOR: _OPERATOR,
        Role.LEADER: _OPERATOR | {Permission.INCIDENT_APPROVE, Permission.FIGURE_APPROVE, Permission.AUDIT_READ},
        # who gives out accounts does not read what citizens wrote
        Role.ADMIN: frozenset(
            {Permission.LINK_READ, Permission.ACCOUNT_MANAGE, Permission.AUDIT_READ, Permission.TOKEN_ISSUE}
        ),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Somebody who is signed in, with what that person may do and the area it holds for."""

    username: str
    display_name: str
    role: Role
    area_code: str | None
    permissions: frozenset[Permission]
    session_id: str = ""
