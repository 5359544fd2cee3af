"""The figures that the fake node serves: one whole, one late, one with a silent commune, one empty, one unfed."""

from datetime import datetime, timedelta

from aiohttp import web

PERIOD = "2025-06-01"
COMMUNES = (("26377", "COC phường Phước Tân"), ("26374", "COC phường Tam Phước"), ("25993", "COC phường Trảng Dài"))
HERE = ("731", "OC thành phố Biên Hòa")
STATES = {
    "ok": "Đủ số liệu",
    "late": "Đủ, có số đến muộn",
    "incomplete": "Chưa biết: thiếu số liệu",
    "unknown": "Chưa có số liệu",
}
STATUSES = {"A": "Đã chốt", "L": "Đã chốt, có số đến muộn", "P": "Tạm tính"}


def label(value, *, received, expected, as_of, status="A", revision=1, late=0, code="", partial=None):
    return {
        "value": value,
        "partial": partial,
        "relation": "=",
        "is_empty": value is None and received == expected > 0,
        "coverage": {
            "expected": expected,
            "received": received,
            "approved": 0,
            "late": late,
            "silent": expected - received,
        },
        "as_of": as_of.isoformat() if as_of and received else None,
        "status": status,
        "status_title": STATUSES[status],
        "revision": revision,
        "definition": f"{code}@1",
    }


def figure(code, name, name_en, unit, value, state, now, *, official=False, cells=(), **more):
    as_of = now - timedelta(hours=9)
    facts = {"received": 3, "expected": 3, "as_of": as_of, "code": code, **more}
    missing = [title for _, title in COMMUNES[facts["received"] :]]
    return {
        "code": code,
        "version": 1,
        "name": name,
        "name_en": name_en,
        "explain": f"{name}: cách tính bằng lời, do dự án đề xuất.",
        "explain_en": f"{name_en}: how it is counted, in words.",
        "subject": "incident",
        "unit": unit[0],
        "unit_en": unit[1],
        "decimals": 1 if unit[0] == "%" else 0,
        "direction": "info",
        "type": "count",
        "is_official": official,
        "basis": "QĐ 766/QĐ-TTg, 23/06/2022" if official else "",
        "evidence": "doc" if official else "own",
        "issuer": "province",
        "catalogue_code": "",
        "definition_hash": "ab" * 32,
        "period": PERIOD,
        "area_code": "731",
        "due_at": (now - timedelta(hours=8)).isoformat(),
        **label(value, **facts),
        "state": state,
        "state_title": STATES[state],
        "missing": missing,
        "target": None,
        "thresholds": None,
        "light": None,
        "buckets": None,
        "typed": 0,
        "marks": 0,
        "last_year": None,
        "cells": [
            {
                "dimensions": [{"name": "category", "code": word, "title": title, "title_en": english}],
                **label(amount, **facts),
                "is_confidential": int(amount) < 5,
            }
            for word, title, english, amount in cells
        ],
    }


def judged(found, now):
    """The same figure with a target, thresholds, a light, and what it was a year before."""
    limits = {"green": ">= 95", "red": "< 80", "is_official": False, "basis": "", "evidence": "own", "min_coverage": 90}
    then = label("91.5", received=3, expected=3, as_of=now - timedelta(days=365), code=found["code"])
    return found | {
        "target": "95",
        "thresholds": limits,
        "light": {"colour": "amber", "title": "Cần theo dõi", "reason": ""},
        "last_year": {"period": "2024-06-01", **then},
        "marks": 1,
    }


def dataset(name, title, title_en, step, actions, *, waiting=(), approved=0, steps=()):
    return {
        "dataset": name,
        "title": title,
        "title_en": title_en,
        "period": PERIOD,
        "area_code": "731",
        "number": len(steps),
        "step": step,
        "step_title": step,
        "states": 3,
        "states_approved": approved,
        "waiting_for": list(waiting),
        "children": 3,
        "freezes_at": "2025-07-02T00:00:00+07:00",
        "is_frozen": False,
        "actions": list(actions),
        "steps": list(steps),
    }


def datasets(now):
    done = {"number": 1, "act": "prepare", "title": "Đã chuẩn bị", "actor": "Nguyễn An", "at": now.isoformat()}
    done |= {"states": 3, "reason": "", "is_exception": False, "is_after_freeze": False, "without": []}
    return [
        dataset("incident", "Sự cố", "Incidents", "prepare", ["approve", "return"], waiting=[COMMUNES[2][1]],
                steps=[done]),
        dataset("report", "Phản ánh của người dân", "Citizens' reports", "open", ["prepare"]),
    ]  # fmt: skip


def listed(now):
    reports, percent, incidents = ("phản ánh", "reports"), ("%", "%"), ("sự cố", "incidents")
    cells = [("flood", "Ngập lụt, thiên tai", "Flood, disaster", "4"), ("road", "Hư hỏng đường", "Road damage", "8")]
    return [
        figure("citizen.reports", "Phản ánh tiếp nhận", "Reports received", reports, "12", "ok", now, cells=cells),
        figure("incident.opened", "Sự cố mở mới", "Incidents opened", incidents, "1204", "late", now, status="L",
               late=1, revision=2),
        figure("incident.open", "Sự cố đang mở cuối kỳ", "Incidents open at the end", incidents, None, "incomplete",
               now, received=2, partial="7", status="P"),
        figure("incident.resolved_in_time", "Tỷ lệ xử lý trong thời hạn", "Resolved within the time limit", percent,
               None, "ok", now),
        judged(figure("citizen.satisfaction", "Tỷ lệ người dân hài lòng", "Citizens satisfied", percent, "92.4", "ok",
                      now), now),
        figure("dvc.petitions_in_time", "Tỷ lệ phản ánh, kiến nghị xử lý đúng hạn", "Petitions handled on time",
               percent, None, "unknown", now, official=True, received=0, status="P", revision=0),
    ]  # fmt: skip


def answer(now):
    begin = datetime.fromisoformat(f"{PERIOD}T00:00:00+07:00")
    periods = [
        {
            "key": (begin - timedelta(days=back)).date().isoformat(),
            "begin": (begin - timedelta(days=back)).isoformat(),
            "end": (begin - timedelta(days=back - 1)).isoformat(),
        }
        for back in range(3)
    ]
    return {
        "at": now.isoformat(),
        "period": PERIOD,
        "period_end": periods[0]["end"],
        "periods": periods,
        "area_code": "731",
        "area_name": "Thành phố Biên Hòa",
        "grain": "day",
        "grains": [{"key": key, "title": key} for key in ("day", "week", "month", "quarter", "year")],
        "centre_title": HERE[1],
        "scope": {"area_code": "731", "area_name": "Thành phố Biên Hòa", "limited": False},
        "datasets": datasets(now),
        "tree_label": "Cây đơn vị hành chính ngày 01/06/2025",
        "items": listed(now),
        "unread": [],
    }


def revision(signer, number, now, *, value, received=1, expected=1, via=None, status="A", verified=True, **more):
    code, title = signer
    signed = now - timedelta(hours=8 - number)
    name = f"n-{code.rjust(16, 'a')}.lienthong.internal"
    return {
        **label(value, received=received, expected=expected, as_of=signed, status=status, revision=number, **more),
        "signer": name,
        "signer_title": title,
        "signed_at": signed.isoformat(),
        "received_at": (signed + timedelta(seconds=1 if via else 0)).isoformat(),
        "via": via or name,
        "via_title": title,
        "key_id": "cd" * 32,
        "verified": verified,
        "verified_title": "Chữ ký hợp lệ" if verified else "Chưa kiểm được chữ ký",
        "why_not": "",
        "hash": f"{number:02x}" * 32,
        "supersedes": f"{number - 1:02x}" * 32 if number > 1 else "",
        "reason": "late_data" if number > 1 else "",
        "entry": None,
        "is_approved": False,
        "clock_ahead": False,
        "rid": f"01890000-0000-7000-8000-{int(code):06}{number:06}",
    }


def detail(code, now):
    found = next((one for one in listed(now) if one["code"] == code), None)
    if found is None:
        return None
    cover = found["coverage"]
    centres = []
    for at, (area, title) in enumerate(COMMUNES):
        spoke = at < cover["received"]
        is_late = spoke and at < cover["late"]
        share = str(at + 3) if spoke and not found["is_empty"] else None
        state = ("late" if is_late else "ok") if spoke else "silent"
        checks = [{"rule": "outlier", "title": "Khác hẳn các kỳ trước", "limit": "97", "notes": []}]
        words = {"ok": "Đã nhận", "late": "Đến muộn", "silent": "Im lặng: chưa biết"}
        centres.append(
            {
                "centre": f"n-{area.rjust(16, 'a')}.lienthong.internal",
                "code": area,
                "title": title,
                **label(share, received=int(spoke), expected=1, as_of=now - timedelta(hours=7), late=int(is_late)),
                "state": state,
                "state_title": words[state],
                "is_confidential": False,
                "is_typed": False,
                "checks": checks if spoke and at == 0 and found["marks"] else [],
                "revisions": [revision((area, title), 1, now, value=share)] if spoke else [],
            }
        )
    return {
        **found,
        "at": now.isoformat(),
        "series": [],
        "entry": None,
        "centres": centres,
        "revisions": [
            revision(
                HERE,
                number,
                now,
                value=found["value"] if number == found["revision"] else None,
                partial=None if number == found["revision"] else "800",
                received=cover["received"] if number == found["revision"] else 2,
                expected=3,
                status="L" if number > 1 else "A",
            )
            for number in range(1, found["revision"] + 1)
            if found["value"] is not None
        ],
        "totals": [],
        "unread": [],
    }


def routes(need, clock):
    """What a fake node adds: the list, one figure, and the export."""

    async def figures(request):
        _, refusal = need(request, "figure.read")
        return refusal or web.json_response(answer(clock()))

    async def one_figure(request):
        _, refusal = need(request, "figure.read")
        found = detail(request.match_info["code"], clock())
        if refusal is None and found is None:
            refusal = web.json_response({"status": 404, "code": "not_found", "title": "Không tìm thấy"}, status=404)
        return refusal or web.json_response(found)

    async def export(request):
        _, refusal = need(request, "figure.read")
        return refusal or web.Response(text="Mã chỉ tiêu\r\n", content_type="text/csv")

    return (
        ("/api/v1/figures", figures),
        ("/api/v1/figures/export.csv", export),
        ("/api/v1/figures/{code}", one_figure),
    )
