"""The facts that the fake node serves: a district of Đồng Nai with its communes, in the contract's shapes."""

import struct
import unicodedata
import zlib
from datetime import UTC, datetime, timedelta

TREE = "Cây đơn vị hành chính ngày 01/06/2025"
CENTRE = {
    "name": "n-abcdefghijklmnop.lienthong.internal",
    "code": "731",
    "title": "OC thành phố Biên Hòa",
    "tier": "oc",
}
PARENT = {"name": "n-parentparentpare.lienthong.internal", "title": "IOC tỉnh Đồng Nai"}
PHUOC_TAN = {"name": "n-phuoctanphuoctan.lienthong.internal", "title": "Phường Phước Tân", "code": "26377"}
TAM_PHUOC = {"name": "n-tamphuoctamphuoc.lienthong.internal", "title": "Phường Tam Phước", "code": "26374"}
TRANG_DAI = {"name": "n-trangdaitrangdai.lienthong.internal", "title": "Phường Trảng Dài", "code": "25993"}
OWN = {"name": CENTRE["name"], "title": CENTRE["title"]}

AREAS = [
    {"code": "75", "name": "Tỉnh Đồng Nai", "kind": "province", "parent_code": None,
     "point": {"lat": 11.05, "lon": 107.1}, "radius_m": 43000},
    {"code": "731", "name": "Thành phố Biên Hòa", "kind": "district", "parent_code": "75",
     "point": {"lat": 10.945, "lon": 106.91}, "radius_m": 9200},
    {"code": "26377", "name": "Phường Phước Tân", "kind": "commune", "parent_code": "731",
     "point": {"lat": 10.9137, "lon": 106.946}, "radius_m": 3691},
    {"code": "26374", "name": "Phường Tam Phước", "kind": "commune", "parent_code": "731",
     "point": {"lat": 10.8813, "lon": 106.958}, "radius_m": 3789},
    {"code": "25993", "name": "Phường Trảng Dài", "kind": "commune", "parent_code": "731",
     "point": {"lat": 11.0028, "lon": 106.883}, "radius_m": 3441},
]  # fmt: skip

_READ = ["incident.read", "figure.read", "link.read", "report.read"]
PRINCIPALS = {
    "dieuhanh": {"username": "dieuhanh", "display_name": "Nguyễn Thị Hạnh", "role": "operator", "area_code": "731",
                 "permissions": [*_READ, "incident.act", "report.identity"]},
    "lanhdao": {"username": "lanhdao", "display_name": "Trần Văn Bình", "role": "leader", "area_code": "731",
                "permissions": [*_READ, "incident.act", "audit.read"]},
    "quantri": {"username": "quantri", "display_name": "Lê Minh", "role": "admin", "area_code": "731",
                "permissions": ["link.read", "account.manage", "audit.read", "token.issue"]},
    "quansat": {"username": "quansat", "display_name": "Đỗ Lan", "role": "leader", "area_code": "731",
                "permissions": _READ},
    "nguoidan": {"username": "nguoidan", "display_name": "Phạm An", "role": "citizen", "area_code": "731",
                 "permissions": []},
    "phuoctan": {"username": "phuoctan", "display_name": "Vũ Hòa", "role": "operator", "area_code": "26377",
                 "permissions": [*_READ, "incident.act"]},
}  # fmt: skip

MODULES = [
    {"name": "citizen", "title": "Phản ánh hiện trường", "summary": "Tiếp nhận phản ánh của người dân.",
     "maturity": "bronze", "pages": []}
]  # fmt: skip

SEVERITIES = {1: "Thấp", 2: "Thường", 3: "Khẩn", 4: "Rất khẩn"}
STATUSES = {
    "new": "Mới gửi", "received": "Đã tiếp nhận", "triaged": "Đã phân loại", "assigned": "Đã chuyển xử lý",
    "in_progress": "Đang xử lý", "escalated": "Chuyển cấp trên", "resolved": "Đã xử lý", "refused": "Từ chối",
    "closed": "Đã đóng",
}  # fmt: skip
FINISHED = {"resolved", "refused", "closed"}
AFTER = {
    "receive": ("received", "Đã tiếp nhận"),
    "triage": ("triaged", "Đã phân loại"),
    "escalate": ("escalated", "Chuyển cấp trên"),
    "resolve": ("resolved", "Đã xử lý"),
    "refuse": ("refused", "Từ chối"),
}


def picture(width=320, height=240):
    """A small PNG that looks like a dark street with water, drawn without an image library."""
    rows = bytearray()
    for y in range(height):
        rows.append(0)
        for x in range(width):
            water = y > height * 0.6
            wave = 12 if water and (x // 9 + y // 4) % 3 == 0 else 0
            rows += (
                bytes((70 + wave + y // 8, 92 + wave, 104 + wave))
                if water
                else bytes((150 - y // 3, 158 - y // 3, 150))
            )

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(rows))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def ago(**span):
    return datetime.now(UTC) - timedelta(**span)


def event(at, who, text, *, centre=None, verified_by=None, what="status"):
    centre = centre or OWN
    return {
        "at": at.isoformat(), "actor": who, "act": what, "title": text, "detail": "",
        "centre": {"name": centre["name"], "title": centre["title"]}, "verified_by": verified_by,
    }  # fmt: skip


def incident(
    number, title, *, severity, status, origin, minutes, kind="citizen.report", place=None, photo=None, **more
):
    opened = ago(minutes=minutes)
    one = {
        "id": f"01890000-0000-7000-8000-{number:012d}",
        "version": 3,
        "number": str(number),
        "kind": kind,
        "kind_title": more.pop("kind_title", "Phản ánh của người dân"),
        "title": title,
        "description": more.pop("description", ""),
        "category": more.pop("category", "Hạ tầng"),
        "severity": severity,
        "severity_title": SEVERITIES[severity],
        "status": status,
        "status_title": STATUSES[status],
        "custody": {
            "state": "held", "holder": OWN, "offered_to": None, "term": 2,
            "since": ago(minutes=minutes / 2).isoformat(),
        },
        "area_code": origin["code"],
        "area_name": origin["title"],
        "place": place,
        "origin": origin,
        "opened_at": opened.isoformat(),
        "updated_at": ago(minutes=minutes / 3).isoformat(),
        "verified": True,
        "has_thumbnail": photo is not None,
        "overdue": False,
        "photo": photo,
        "timeline": [
            event(opened, "Người dân", "Mới gửi", centre=origin, what="opened"),
            event(opened + timedelta(minutes=2), "Lý Thị Mai", "Đã tiếp nhận",
                  centre=origin, verified_by=CENTRE["title"]),
            event(opened + timedelta(minutes=4), "Lý Thị Mai", "Chuyển cấp trên: lực lượng phường không đủ",
                  centre=origin, verified_by=CENTRE["title"], what="offer"),
            event(opened + timedelta(minutes=6), "Nguyễn Thị Hạnh", "Nhận xử lý", what="accept"),
        ],
    }  # fmt: skip
    one.update(more)
    return one


def incidents():
    return [
        incident(1042, "Ngập sâu 0,8 m, nước chảy xiết, có người mắc kẹt trong nhà", severity=4, status="new",
                 origin=PHUOC_TAN, minutes=4, kind="citizen.flood", kind_title="Ngập lụt", category="Thiên tai",
                 place={"lat": 10.9190, "lon": 106.951}, photo=picture(),
                 description="Hẻm 12 đường Võ Nguyên Giáp, nước lên nhanh từ 5 giờ sáng. Hai người già ở tầng trệt "
                 "chưa ra được. Cần xuồng và áo phao."),
        incident(1041, "Cháy cỏ sát kho hàng", severity=3, status="in_progress", origin=TAM_PHUOC, minutes=31,
                 kind="citizen.fire", kind_title="Cháy", category="An toàn", place={"lat": 10.872, "lon": 106.969}),
        incident(1039, "Cây đổ chắn ngang đường, xe cứu thương không qua được", severity=3, status="triaged",
                 origin=TRANG_DAI, minutes=58, place={"lat": 11.0110, "lon": 106.874}, photo=picture()),
        incident(1035, "Đèn đường hỏng cả đoạn trước trường học", severity=2, status="assigned", origin=PHUOC_TAN,
                 minutes=260, place={"lat": 10.905, "lon": 106.938}, overdue=True),
        incident(1033, "Rác tập kết sai chỗ, bốc mùi", severity=1, status="received", origin=TAM_PHUOC, minutes=500,
                 category="Môi trường", place={"lat": 10.889, "lon": 106.949}),
        incident(1030, "Ổ gà lớn trên đường Bùi Văn Hòa", severity=2, status="escalated", origin=PHUOC_TAN, minutes=800,
                 custody={"state": "offered", "holder": OWN, "offered_to": PARENT, "term": 3,
                          "since": ago(minutes=40).isoformat()}),
        incident(1020, "Nắp cống mất, đã đặt lại", severity=3, status="resolved", origin=TRANG_DAI, minutes=2000),
    ]  # fmt: skip


def within(every, principal):
    """Those that an account may see: its area's, where it has one below the centre's own."""
    area = principal["area_code"]
    return [one for one in every if area in {None, CENTRE["code"], one["area_code"]}]


def view(one):
    return {key: value for key, value in one.items() if key not in {"timeline", "photo"}}


def _plain(text):
    folded = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
    return "".join(letter for letter in folded if not unicodedata.combining(letter)).lower()


def chosen(every, query):
    found = sorted(every, key=lambda one: (-one["severity"], one["opened_at"]))
    if query.get("open") == "true":
        found = [one for one in found if one["status"] not in FINISHED]
    if query.get("q"):
        found = [one for one in found if _plain(query["q"]) in _plain(one["title"] + " " + one["number"])]
    if query.get("severity"):
        found = [one for one in found if str(one["severity"]) in query["severity"].split(",")]
    if query.get("status"):
        found = [one for one in found if one["status"] in query["status"].split(",")]
    return found


def actions(one, principal):
    if "incident.act" not in principal["permissions"] or one["status"] in FINISHED:
        return []
    reason = {"name": "reason", "kind": "text", "required": True, "options": None}
    note = {"name": "note", "kind": "text", "required": False, "options": None}
    levels = [{"value": value, "title": title} for value, title in SEVERITIES.items()]
    severity = {"name": "severity", "kind": "choice", "required": True, "options": levels}
    offered = [
        {"name": "receive", "title": "Tiếp nhận", "fields": [], "danger": False},
        {"name": "triage", "title": "Phân loại", "fields": [severity, note], "danger": False},
        {"name": "escalate", "title": "Chuyển cấp trên", "fields": [reason], "danger": False},
        {"name": "resolve", "title": "Đã xử lý xong", "fields": [note], "danger": False},
        {"name": "refuse", "title": "Từ chối", "fields": [reason], "danger": True},
    ]
    return [act for act in offered if act["name"] != "receive" or one["status"] == "new"]


def detail(one, principal):
    proofs = [
        {"origin": one["origin"]["name"], "title": one["origin"]["title"],
         "key_id": "9f2c7d0e5b8a41c6d3e2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f3a2b1c0",
         "verified": one["verified"], "received_at": ago(minutes=3).isoformat()},
    ]  # fmt: skip
    return {**view(one), "timeline": one["timeline"], "actions": actions(one, principal), "proofs": proofs}


def situation(every):
    every = list(every)
    now = datetime.now(UTC)
    open_ones = [one for one in every if one["status"] not in FINISHED]
    grave = sum(one["severity"] == 4 for one in open_ones)
    late = sum(one["overdue"] for one in open_ones)
    full = {"received": 3, "expected": 3}

    def tile(key, title, value, state, *, unit="sự cố", source=CENTRE["title"], coverage=None, as_of=now, partial=None):
        return {"key": key, "title": title, "value": value, "unit": unit, "state": state,
                "as_of": as_of.isoformat() if as_of else None, "source": source, "coverage": coverage,
                "partial": partial}  # fmt: skip

    tiles = [
        tile("open", "Sự cố trong sổ của trung tâm, đang mở", len(open_ones), "ok"),
        tile("grave", "Rất khẩn", grave, "alarm" if grave else "ok"),
        tile("overdue", "Quá hạn", late, "watch" if late else "ok"),
        tile("offered", "Chờ cấp trên nhận", sum(one["custody"]["state"] == "offered" for one in open_ones), "ok"),
        tile("below", "Đang mở ở cấp xã", None, "unknown", source="Các phường trực thuộc",
             coverage={"received": 2, "expected": 3}, as_of=now - timedelta(seconds=14),
             partial={"value": 11, "missing": [TRANG_DAI["title"]]}),
        tile("answered", "Tiếp nhận đúng hạn hôm nay", None, "unknown", unit="%", coverage=full, as_of=None),
    ]  # fmt: skip
    return {
        "centre": {**CENTRE, "tree_label": TREE},
        "at": now.isoformat(),
        "tiles": tiles,
        "centres": centres(now),
        "links": links(now),
        "alarms": [
            {"at": (now - timedelta(minutes=7)).isoformat(), "code": "PARKED", "title": "Bản ghi không đọc được",
             "case": "", "incident": None, "peer": TRANG_DAI["title"], "origin": TRANG_DAI["title"],
             "detail": "UNKNOWN_KIND: nothing here applies records of kind weather.note"},
        ],
    }  # fmt: skip


def centres(now):
    def centre(where, tier, state, seconds, *, open_count, waiting, at):
        as_of = (now - timedelta(seconds=seconds)).isoformat() if seconds is not None else None
        return {"name": where["name"], "code": where["code"], "title": where["title"], "tier": tier, "state": state,
                "as_of": as_of, "open_incidents": open_count, "waiting": waiting,
                "point": {"lat": at[0], "lon": at[1]}}  # fmt: skip

    return [
        centre(CENTRE, "oc", "live", 0, open_count=6, waiting=0, at=(10.945, 106.91)),
        centre(PHUOC_TAN, "coc", "live", 3, open_count=5, waiting=0, at=(10.9137, 106.946)),
        centre(TAM_PHUOC, "coc", "late", 95, open_count=6, waiting=2, at=(10.8813, 106.958)),
        centre(TRANG_DAI, "coc", "silent", 1260, open_count=None, waiting=None, at=(11.0028, 106.883)),
    ]


def links(now):
    def link(peer, relation, connected, seconds, *, waiting, in_flight=0, parked=0, error=None, code=None):
        return {"peer": peer["name"], "title": peer["title"], "relation": relation, "connected": connected,
                "last_heard_at": (now - timedelta(seconds=seconds)).isoformat(),
                "waiting": {"urgent": 0, "regular": waiting, "audit": 0},
                "peer_waiting": {"urgent": 0, "regular": 0, "audit": 0}, "in_flight": in_flight, "parked": parked,
                "last_error": error, "error_code": code}  # fmt: skip

    return [
        link(PARENT, "parent", True, 1, waiting=0, in_flight=1),
        link(PHUOC_TAN, "child", True, 2, waiting=0),
        link(TAM_PHUOC, "child", True, 4, waiting=3, in_flight=2),
        link(
            TRANG_DAI,
            "child",
            False,
            1260,
            waiting=4,
            parked=1,
            code="LOST",
            error=f"the line to {TRANG_DAI['name']} was lost",
        ),
    ]


def health(now, link_rows):
    """How the fake's node is: one link never heard, one lost, a certificate near its end, a job that fails."""
    states = {True: "connected", False: "lost"}
    rows = [{**one, "state": states[one["connected"]]} for one in link_rows]
    rows.append({**rows[-1], "peer": "n-dddddddddddddddd.lienthong.internal", "title": "Xã Phú Lý", "state": "unknown",
                 "last_heard_at": None, "last_error": None, "error_code": None})  # fmt: skip
    days = {"auth": 9, "sign": 300, "issuing": 900, "root": 5000}
    titles = {"auth": "Chứng thư kết nối", "sign": "Chứng thư ký dữ liệu", "issuing": "Chứng thư của nơi cấp",
              "root": "Chứng thư gốc"}  # fmt: skip
    return {
        "at": now.isoformat(),
        "started_at": (now - timedelta(days=3)).isoformat(),
        "version": "0.1.0",
        "links": rows,
        "certificates": [
            {"name": name, "title": titles[name], "not_after": (now + timedelta(days=left)).isoformat(),
             "days_left": left, "state": "watch" if left < 14 else "ok"}
            for name, left in days.items()
        ],
        "disk": {"free_bytes": 2**35, "total_bytes": 2**38, "database_bytes": 2**24, "state": "ok"},
        "jobs": [
            {"name": "proof", "title": "Soát lại chuỗi dữ liệu đã lưu", "last_ok_at": now.isoformat(), "failures": 0,
             "last_error": None, "state": "ok"},
            {"name": "copies", "title": "Đối chiếu bản sao với trung tâm lân cận", "last_ok_at": None, "failures": 4,
             "last_error": "OSError", "state": "watch"},
        ],
        "restore": {"unsettled": 0, "state": "ok"},
        "alarms": [{"code": "PARKED", "count": 1}],
    }  # fmt: skip
