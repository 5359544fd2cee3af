"""How the node itself is: for the people who look after it, and for a collector of metrics."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import Response

from node import presence
from node.access import Permission, Principal, public, require
from node.api.incidents import look_of
from node.api.links import peer_view, peers_of
from node.api.situation import reach_view
from node.api.tiles import expected_below
from node.context import NodeContext
from node.health import Health, Instruments, State, job_state, link_state
from node.incident.view import centre_title
from node.metrics import CONTENT_TYPE, exposition
from node.reachability import reach_of
from node.scope import AreaScope, scope_of
from node.version import VERSION

router = APIRouter(prefix="/api/v1/health", tags=["health"])
local_router = APIRouter(prefix="/local/v1/metrics", tags=["local"], dependencies=[Depends(public)])

CERTIFICATE_TITLES = {
    "auth": "Chứng thư kết nối",
    "sign": "Chứng thư ký dữ liệu",
    "issuing": "Chứng thư của nơi cấp",
    "root": "Chứng thư gốc",
}
JOB_TITLES = {
    "presence": "Gửi báo cáo tình trạng lên cấp trên",
    "clock": "Canh đồng hồ máy chủ",
    "figures": "Chốt và ký số liệu của kỳ",
    "proof": "Soát lại chuỗi dữ liệu đã lưu",
    "copies": "Đối chiếu bản sao với trung tâm lân cận",
    "receipts": "Chờ xác nhận của cấp trên cho bản ghi khẩn",
    "heads": "Báo lên cấp trên đã gửi đến đâu",
    "forgetting": "Dọn dữ liệu cũ mà cấp trên đã giữ an toàn",
    "restoration": "Theo dõi việc khôi phục",
    "bulk": "Dọn và kiểm ảnh gốc đã lấy về",
}


@router.get("", summary="The health of this node")
def health(request: Request, principal: Annotated[Principal, Depends(require(Permission.LINK_READ))]) -> dict[str, Any]:
    """Tell about links, certificates, disk, jobs and what is parked; what is not known is said to be unknown."""
    context: NodeContext = request.app.state.node
    instruments: Instruments = request.app.state.instruments
    return health_view(context, instruments.read(), scope_of(context, principal))


@local_router.get("", summary="OpenMetrics, for a collector on this machine")
def metrics(request: Request) -> Response:
    """Give the node's metrics."""
    return Response(exposition(request.app.state.metrics), media_type=None, headers={"content-type": CONTENT_TYPE})


def metrics_application() -> FastAPI:
    """Make what a collector reaches at an address of its own: the metrics, and nothing else."""
    app = FastAPI(title="metrics", openapi_url=None, docs_url=None, redoc_url=None)
    app.add_api_route("/metrics", metrics, methods=["GET"], dependencies=[Depends(public)])
    return app


def health_view(context: NodeContext, read: Health, scope: AreaScope) -> dict[str, Any]:
    """The health as a screen shows it, with a state for each thing."""
    registry = context.registry.current
    return {
        "area": scope.told(),
        "centres": _centres(context, read, scope),
        "at": read.at.isoformat(),
        "started_at": read.started_at.isoformat(),
        "version": VERSION,
        "links": [
            peer_view(peer, registry) | {"state": link_state(peer).value}
            for peer in peers_of(read.peers, context, scope)
        ],
        "certificates": [
            {
                "name": one.name,
                "title": CERTIFICATE_TITLES[one.name],
                "not_after": one.not_after.isoformat(),
                "days_left": (one.not_after - read.at) // timedelta(days=1),
                "state": one.state(read.at).value,
            }
            for one in read.certificates
        ],
        "disk": {
            "free_bytes": read.disk.free,
            "total_bytes": read.disk.total,
            "database_bytes": read.database_bytes,
            "state": read.disk.state(read.ballast_bytes).value,
        },
        "jobs": [
            {
                "name": one.name,
                "title": _job_title(context, one.name),
                "last_ok_at": one.last_ok_at.isoformat() if one.last_ok_at else None,
                "failures": one.failures,
                "last_error": one.last_error or None,
                "state": job_state(one).value,
            }
            for one in read.jobs
        ],
        "restore": {
            "unsettled": read.unsettled,
            "state": (State.WATCH if read.unsettled else State.OK).value,
        },
        "alarms": [{"code": code, "count": count} for code, count in sorted(read.alarms.items())],
    }


def _centres(context: NodeContext, read: Health, scope: AreaScope) -> list[dict[str, Any]]:
    """What may be said of each centre below: one behind a silent relay is unknown, whatever it was before."""
    look = look_of(context)
    cut = frozenset(peer.name for peer in read.peers if not peer.connected)
    latest = context.database.read(presence.latest)
    found = []
    for name in expected_below(look, scope):
        reach = reach_of(name, latest, look.registry, look.centre.name, read.at, cut=cut)
        said = latest.get(name)
        found.append(
            {
                "name": name,
                "title": centre_title(look.registry, name),
                **reach_view(reach, look.registry),
                "as_of": said.as_of.isoformat() if said else None,
            }
        )
    return found


def _job_title(context: NodeContext, name: str) -> str:
    """What a job does, in words; a module says it of its own."""
    if name in JOB_TITLES:
        return JOB_TITLES[name]
    own = next((job.title for module in context.modules for job in module.jobs if job.name == name), "")
    return own or name
