import asyncio
import threading

import pytest
from starlette.testclient import WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from node.api import live
from node.api.live import APART_S, TICK_S, Live
from node.role import PERMISSIONS, Principal, Role
from tests.fakes.clock import FakeClock


def somebody(role=Role.OPERATOR, area_code=None):
    return Principal(
        username="x", display_name="x", role=role, area_code=area_code, permissions=PERMISSIONS[role], session_id="s"
    )


class Pictures:
    """Counts how often each is made."""

    def __init__(self):
        self.made, self.value = 0, 0

    def situation(self, principal):
        self.made += 1
        return {"value": self.value, "for": principal.area_code}

    def incidents(self, principal):
        return {"items": [self.value // 10]}


class Screen:
    """Keeps what it is sent; refuses to read when told to."""

    def __init__(self, hub, principal):
        self.got = []
        self.task = asyncio.create_task(hub.serve(principal, self.send))

    async def send(self, message):
        self.got.append(message)

    @property
    def types(self):
        return [message["type"] for message in self.got]

    async def close(self):
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def until(holds):
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - what is waited for is only looked at
            await asyncio.sleep(0.001)


async def settle():
    for _ in range(30):
        await asyncio.sleep(0.001)


@pytest.fixture
async def made():
    pictures, clock = Pictures(), FakeClock()
    hub = Live({"situation": pictures.situation, "incidents": pictures.incidents}, clock)
    screen = Screen(hub, somebody())
    await until(lambda: len(screen.got) == 2)
    yield hub, pictures, clock, screen
    await screen.close()


async def test_the_first_two_messages_show_everything(made):
    _, _, clock, screen = made
    assert screen.types == ["situation", "incidents"]
    assert screen.got[0]["data"] == {"value": 0, "for": None}
    assert [message["seq"] for message in screen.got] == [0, 1]
    assert screen.got[0]["at"] == clock.now().isoformat()


async def test_a_quiet_centre_ticks_every_two_seconds(made):
    _, pictures, clock, screen = made
    for _ in range(3):
        await settle()
        clock.advance(APART_S)
        await settle()
        clock.advance(TICK_S - APART_S)
        await settle()
    assert screen.types[2:] == ["tick", "tick", "tick"]
    assert [message["seq"] for message in screen.got] == [0, 1, 2, 3, 4]
    assert pictures.made == 1


async def test_a_restless_centre_ticks_as_well(made):
    hub, pictures, clock, screen = made
    for number in range(1, 16):
        pictures.value = number
        hub.touch()
        await settle()
        clock.advance(APART_S)
        await settle()
    assert screen.types.count("tick") == 1
    assert screen.types.count("situation") > 10


async def test_many_changes_make_few_pictures(made):
    hub, pictures, clock, screen = made
    for number in range(1, 51):
        pictures.value = number
        hub.touch(frozenset({"incident"}))
        await asyncio.sleep(0)
    await settle()
    assert screen.types[2:] == []  # nothing leaves before the time between two pictures is over
    clock.advance(APART_S)
    await until(lambda: len(screen.got) == 4)
    assert screen.types[2:] == ["situation", "incidents"]
    assert screen.got[2]["data"]["value"] == 50
    assert pictures.made == 2


async def test_what_did_not_change_is_not_sent_again(made):
    hub, pictures, clock, screen = made
    pictures.value = 1  # the list of incidents stays the same
    hub.touch()
    await settle()
    clock.advance(APART_S)
    await until(lambda: len(screen.got) == 3)
    await settle()
    assert screen.types[2:] == ["situation"]


async def test_a_change_during_the_making_is_shown_afterwards():
    entered, go, values = threading.Event(), threading.Event(), []

    def slow(_principal):
        values.append(len(values))
        if len(values) == 1:
            entered.set()
            assert go.wait(10)
        return {"value": values[-1]}

    clock = FakeClock()
    hub = Live({"situation": slow}, clock)
    screen = Screen(hub, somebody())
    await until(entered.is_set)
    hub.touch()
    await settle()
    go.set()
    await until(lambda: len(screen.got) == 1)
    await settle()
    clock.advance(APART_S)
    await until(lambda: len(screen.got) == 2)
    assert screen.got[1]["data"] == {"value": 1}
    await screen.close()


async def test_people_with_the_same_rights_share_a_picture(made):
    hub, pictures, _, _ = made
    same, other = Screen(hub, somebody()), Screen(hub, somebody(area_code="26374"))
    await until(lambda: len(same.got) == 2 and len(other.got) == 2)
    assert pictures.made == 2
    assert other.got[0]["data"]["for"] == "26374"
    await same.close()
    await other.close()


async def test_a_change_may_be_told_from_any_thread(made):
    hub, _, clock, screen = made
    threading.Thread(target=hub.touch).start()
    await settle()
    clock.advance(APART_S)
    await until(lambda: len(screen.got) > 2)


async def test_a_picture_that_failed_is_made_again():
    failures = [True]

    def picture(_principal):
        if failures.pop() if failures else False:
            raise ValueError("database")
        return {}

    hub = Live({"situation": picture}, FakeClock())
    first = Screen(hub, somebody())
    with pytest.raises(ValueError, match="database"):
        await first.task
    second = Screen(hub, somebody())
    await until(lambda: second.types == ["situation"])
    await second.close()


def cookie(client):
    """The test client keeps its cookies from a WebSocket's address."""
    return {"cookie": "; ".join(f"{name}={value}" for name, value in client.cookies.items())}


def test_nobody_may_look_without_a_session_from_another_page_or_without_the_right(centre):
    def refused(client, **headers):
        with (
            pytest.raises(WebSocketDenialResponse) as caught,
            client.websocket_connect("/ws", headers={**cookie(client), **headers}),
        ):
            pass
        return caught.value.status_code

    assert refused(centre.client()) == 401
    client = centre.signed_in()
    assert refused(client, origin="http://evil.example") == 403
    assert refused(centre.signed_in(Role.CITIZEN)) == 403


@pytest.mark.parametrize("how", ["closed", "other rights", "session ended", "signed out"])
def test_a_screen_ends_with_its_session_and_not_at_the_next_look(centre, how):
    """The clock stands still: what ends the connection is the news, not the time."""
    hub = centre.app.state.live = Live({"situation": lambda principal: {"who": principal.username}}, centre.clock)
    centre.context.database.on_commit(hub.touch)
    client, local = centre.signed_in(), centre.client()
    acts = {
        "closed": lambda: local.put("/local/v1/accounts/operator/access", json={"disabled": True}),
        "other rights": lambda: local.put("/local/v1/accounts/operator/scope", json={"role": "leader"}),
        "session ended": lambda: local.delete("/local/v1/accounts/operator/sessions"),
        "signed out": lambda: client.delete("/api/v1/session"),
    }
    with client.websocket_connect("/ws", headers=cookie(client)) as screen:
        assert screen.receive_json()["data"] == {"who": "operator"}
        assert acts[how]().status_code < 300
        with pytest.raises(WebSocketDisconnect) as caught:
            screen.receive_json()
        assert caught.value.code == 1008


def test_a_screen_connects_and_a_crowd_is_sent_away(centre, monkeypatch):
    centre.app.state.live = Live({"situation": lambda principal: {"who": principal.username}}, FakeClock())
    client = centre.signed_in()
    monkeypatch.setattr(live, "MOST_SCREENS", 1)
    with client.websocket_connect("/ws", headers={**cookie(client), "origin": "http://127.0.0.1:8001"}) as screen:
        assert screen.receive_json()["data"] == {"who": "operator"}
        with (
            client.websocket_connect("/ws", headers=cookie(client)) as second,
            pytest.raises(WebSocketDisconnect) as caught,
        ):
            second.receive_json()
        assert caught.value.code == 1013
        assert centre.app.state.live.screens == 1
