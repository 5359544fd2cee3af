"""How the node itself is: for the people who look after it, and for a collector of metrics."""

from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import Response

from node.access import Permission, public, require
from node.api.links import peer_view
from node.context import NodeContext
from node.health import Health, Instruments, State, job_state, link_state
from node.metrics import CONTENT_TYPE, exposition
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


@router.get("", summary="The health of this node", dependencies=[Depends(require(Permission.LINK_READ))])
def health(request: Request) -> dict[str, Any]:
    """Tell about links, certificates, disk, jobs and what is parked; what is not known is said to be unknown."""
    instruments: Instruments = request.app.state.instruments
    return health_view(request.app.state.node, instruments.read())


@local_router.get("", summary="OpenMetrics, for a collector on this machine")
def metrics(request: Request) -> Response:
    """Give the node's metrics."""
    return Response(exposition(request.app.state.metrics), media_type=None, headers={"content-type": CONTENT_TYPE})


def metrics_application() -> FastAPI:
    """Make what a collector reaches at an address of its own: the metrics, and nothing else."""
    app = FastAPI(title="metrics", openapi_url=None, docs_url=None, redoc_url=None)
    app.add_api_route("/metrics", metrics, methods=["GET"], dependencies=[Depends(public)])
    return app


def health_view(context: NodeContext, read: Health) -> dict[str, Any]:
    """The health as a screen shows it, with a state for each thing."""
    registry = context.registry.current
    return {
        "at": read.at.isoformat(),
        "started_at": read.started_at.isoformat(),
        "version": VERSION,
        "links": [peer_view(peer, registry) | {"state": link_state(peer).value} for peer in read.peers],
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


def _job_title(context: NodeContext, name: str) -> str:
    """What a job does, in words; a module says it of its own."""
    if name in JOB_TITLES:
        return JOB_TITLES[name]
    own = next((job.title for module in context.modules for job in module.jobs if job.name == name), "")
    return own or name
