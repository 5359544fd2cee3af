"""A commune with its intake and its parent, as real processes: a flood, deaths on both sides, and what is not told."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import httpx
import pytest

from tests.modules.citizen import corpus
from tests.modules.citizen.centre import form
from tests.node.intake.flood import Acks, Flood
from tests.node.intake.stage import JSON, LIMIT_S, REPORTS, TOP

SILENT = "máy chủ của trung tâm đang tạm dừng"


def send(stage, **changed):
    fields = form(**changed)
    return httpx.post(stage.url + REPORTS, data=fields, files={"x": ("", b"")}, headers=JSON, timeout=40)


def count(stage):
    return stage.rows("select count(*) from citizen_report")[0][0]


def link_to_district(stage):
    """The node's own word: connected, and what waits."""
    own = [line for line in stage.metrics().splitlines() if stage.district_name in line or "parent" in line]
    connected = [line for line in own if 'link_state="connected"' in line]
    waiting = [float(line.split()[1]) for line in own if line.startswith("lienthong_link_waiting_records{")]
    return all(line.split()[1].startswith("1") for line in connected) and bool(connected), sum(waiting)


def drained(stage):
    is_connected, waiting = link_to_district(stage)
    return is_connected and waiting == 0


async def flood(stage, *, per_s, for_s):
    """What the flood was answered, and the receipts' p99 while it lasted."""
    acks, is_over = Acks(stage), asyncio.Event()
    watching = asyncio.create_task(acks.watch(is_over))
    wave = Flood(stage.door, per_s=per_s, for_s=for_s)
    answers = await wave.run()
    is_over.set()
    await watching
    return answers, acks


def test_what_a_flood_was_promised_is_stored_and_the_rest_is_told_to_wait(stage):
    stage.node.until(lambda: drained(stage))
    before = count(stage)
    answers, acks = asyncio.run(flood(stage, per_s=150, for_s=2))
    assert set(answers) == {201, 429}, (answers, stage.intake.log())
    assert sum(answers.values()) == 300
    assert count(stage) - before == answers[201] >= 25
    stage.node.until(lambda: drained(stage))
    acks.look()
    assert len(acks.seen) >= answers[201]  # each was urgent: a frame that the parent has signed for


@pytest.mark.drill
@pytest.mark.timeout(180)
def test_five_hundred_a_second_leave_the_link_alone(stage, capsys):
    stage.node.until(lambda: drained(stage))

    async def quiet():
        acks, is_over = Acks(stage), asyncio.Event()
        watching = asyncio.create_task(acks.watch(is_over))
        await asyncio.sleep(8)
        is_over.set()
        await watching
        return acks

    before, calm = count(stage), asyncio.run(quiet())
    answers, acks = asyncio.run(flood(stage, per_s=500, for_s=10))
    assert set(answers) == {201, 429}, (answers, stage.intake.log())
    assert count(stage) - before == answers[201] > 0
    stage.node.until(lambda: drained(stage))
    figures = {
        "sent": sum(answers.values()),
        "accepted": answers[201],
        "refused": answers[429],
        "ack_p99_ms_quiet": calm.p99_ms(),
        "ack_p99_ms_flood": acks.p99_ms(),
    }
    with capsys.disabled():
        sys.stdout.write(f"\n{figures}\n")


def test_each_side_outlives_the_other_and_nothing_promised_is_lost(stage):
    key = "k" * 32
    stage.intake.end(signal.SIGKILL)
    assert httpx.get(f"{stage.node_url}/healthz").status_code == 200
    with pytest.raises(httpx.ConnectError):
        send(stage)
    stage.start_intake()
    stage.node.end(signal.SIGKILL)
    told = send(stage, key=key)
    assert (told.status_code, told.headers["retry-after"]) == (503, "30")
    assert SILENT in told.json()["detail"]
    page = httpx.post(
        stage.url + REPORTS, data=form(key=key), files={"x": ("", b"")}, headers={"accept": "text/html"}, timeout=40
    )
    assert page.status_code == 503
    assert SILENT in page.text
    assert f'value="{key}"' in page.text  # sent again as the same report
    assert httpx.get(f"{stage.url}/modules/citizen/").status_code == 200
    stage.start_node()
    fields = form(key=key)
    answers = [
        httpx.post(stage.url + REPORTS, data=fields, files={"x": ("", b"")}, headers=JSON, timeout=40) for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [201, 200]
    assert stage.rows("select count(*) from citizen_report where key = ?", key) == [(1,)]


def test_the_process_holds_no_key_and_no_database(stage):
    folder = Path(f"/proc/{stage.intake.process.pid}/fd")
    opened = [str(name.readlink()) for name in folder.iterdir() if name.is_symlink()]
    assert not [name for name in opened if "keys" in name or "node.db" in name]
    assert (stage.home / "intake.sock").stat().st_mode & 0o777 == 0o600
    status = Path(f"/proc/{stage.intake.process.pid}/status").read_text()
    assert "NoNewPrivs:\t1" in status or '"this kernel cannot confine' in stage.intake.log()


def test_who_reported_stands_in_no_log_and_no_answer(stage):
    canaries = ("Nguyễn Thị Chim-Hoàng-Yến", "0987123456")
    sent = send(stage, name=canaries[0], phone=canaries[1])
    assert sent.status_code == 201
    code = sent.json()["code"]
    answers = [
        sent,
        send(stage, name=canaries[0], phone=canaries[1], description="x"),
        send(stage, name=canaries[0], phone="0987123456 không phải số"),
        httpx.get(f"{stage.url}/healthz"),
        httpx.get(f"{stage.url}/modules/citizen/api/reports/{code}"),
        httpx.get(f"{stage.url}/modules/citizen/published"),
        httpx.get(f"{stage.node_url}/healthz"),
    ]
    stage.node.end(signal.SIGKILL)
    answers.append(send(stage, name=canaries[0], phone=canaries[1]))
    stage.start_node()
    metrics = stage.metrics()
    told = [answer.text for answer in answers] + [metrics, stage.node.log(), stage.intake.log()]
    for part in (stage.node, stage.intake):
        told.append(Path(f"/proc/{part.process.pid}/cmdline").read_bytes().decode())
        told.append(Path(f"/proc/{part.process.pid}/environ").read_bytes().decode())
    assert [canary for canary in canaries for text in told if canary in text] == []
    assert code not in stage.node.log() + stage.intake.log() + metrics


def test_addresses_in_a_report_are_words_and_nobody_calls_them(stage):
    with socket.socket() as canary:
        canary.bind(("127.0.0.1", 0))
        canary.listen()
        canary.settimeout(0.5)
        url = f"http://127.0.0.1:{canary.getsockname()[1]}/goi-ve"
        packet = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta href='" + url.encode() + b"'/>"
        pictures = (corpus.jpeg_with(corpus.segment(0xE1, packet)), b"<svg><image href='" + url.encode() + b"'/></svg>")
        for name in ("category", "urgency", "description", "place", "name", "phone", "area_code", "lat", "key", "lang"):
            fields = form(**{name: url})
            for photo in pictures:
                files = {"photo": (url, photo, url)}
                httpx.post(stage.url + REPORTS, data=fields, files=files, headers={**JSON, "referer": url}, timeout=60)
        httpx.get(f"{stage.url}/modules/citizen/track", params={"code": url})
        sent = send(stage, description=f"Xem {url} và file:///etc/passwd")
        code = sent.json()["code"]
        httpx.post(f"{stage.url}{REPORTS}/{code}/reopening", data={"reason": url}, headers=JSON)
        with pytest.raises(TimeoutError):
            canary.accept()


def command(stage, *words, typed):
    words = [sys.executable, "-m", "node", "citizen", *words, "--config", str(stage.config)]
    done = subprocess.run(words, cwd=TOP, input=typed, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    return done.returncode, done.stdout, done.stderr


def test_a_persons_request_is_carried_out_by_a_command(stage, tmp_path):
    sent = send(stage, name="Lê Thị Xin", phone="0933 444 555").json()
    out = tmp_path / "request.zip"
    export = ("export", "--reason", "công văn 7", "--out", str(out))
    assert command(stage, *export, typed="")[0] == 1  # neither --phone nor --code
    status, _, said = command(stage, *export, "--phone", typed="0933444555\n")
    assert status == 0, said
    assert out.stat().st_mode & 0o777 == 0o600
    assert f"{sent['code']}/report.json" in zipfile.ZipFile(out).namelist()
    assert command(stage, *export, "--phone", typed="0933444555\n")[0] == 1  # what is there is left alone
    status, told, said = command(stage, "erase", "--reason", "công văn 7", "--code", typed=f"{sent['code']}\n")
    assert status == 0, said
    assert json.loads(told) == {"erased": {"identity": 1, "photo": 0, "text": 0}, "open": [sent["code"]], "left": 0}
    assert stage.rows("select count(*) from citizen_report where reporter_phone = ?", "0933 444 555") == [(0,)]


def test_the_nodes_own_address_leads_to_it(stage):
    led = httpx.get(f"{stage.node_url}/modules/citizen/track?code=x", follow_redirects=False)
    assert (led.status_code, led.headers["location"]) == (307, f"{stage.url}/modules/citizen/track?code=x")
    assert httpx.post(f"{stage.node_url}{REPORTS}", data=form()).status_code in {404, 405}
    assert httpx.get(f"{stage.url}/modules/citizen/api/desk/reports", headers=JSON).status_code == 404
    assert httpx.get(f"{stage.node_url}/modules/citizen/api/desk/reports", headers=JSON).status_code == 401
