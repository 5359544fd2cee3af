"""`verify` on real nodes with real links: it names what was edited, mends it, and the hourly slice rings."""

import asyncio
import json
import os
import sqlite3
from contextlib import closing

import pytest
from typer.testing import CliRunner

from federation import alarm
from node import proof
from node.app import Node
from node.cli import app
from node.incident.act import open_incident
from node.incident.value import Place, Severity
from node.local import listen_locally
from node.serving import server
from tests.fakes.authority import THREE_TIERS, small_federation
from tests.fakes.ports import free_port
from tests.simulation.test_over_grpc import FLOOD, find, settings_of, until

COMMUNE, DISTRICT, PROVINCE = "26374", "731", "75"


class Stage:
    """Three nodes in this process, each with its local socket."""

    def __init__(self, folder):
        self.federation = small_federation(folder, centres=THREE_TIERS)
        self.ports = {code: free_port() for code, *_ in THREE_TIERS}
        self.nodes, self.sockets = {}, {}

    async def start(self, code):
        self.federation.registry_file(code)
        centre = next(one for one in THREE_TIERS if one[0] == code)
        node = self.nodes[code] = Node(settings_of(self.federation, centre, self.ports))
        await node.start()
        local = server(node.local_app)
        task = asyncio.create_task(local.serve([listen_locally(node.context.settings.socket)]))
        self.sockets[code] = (local, task)

    async def stop(self, code):
        local, task = self.sockets.pop(code)
        local.should_exit = True
        await task
        node = self.nodes.pop(code)
        node.context.settings.socket.unlink(missing_ok=True)
        await node.stop()

    def file(self, code):
        return self.federation.home(code) / "node.db"

    def edit(self, code, statement, *values):
        """As somebody does who may write the file, while the node runs."""
        with closing(sqlite3.connect(self.file(code), timeout=20)) as database, database:
            assert database.execute(statement, values).rowcount > 0

    def ask(self, code, query, *values):
        with closing(sqlite3.connect(f"{self.file(code).as_uri()}?mode=ro", uri=True)) as database:
            return database.execute(query, values).fetchall()

    def urgent(self, code, origin):
        query = "SELECT id FROM federation_stream WHERE origin = ? AND lane = 'urgent'"
        return self.ask(code, query, self.federation.name(origin))[0][0]

    async def verify(self, code, *options):
        """The command as a person runs it: exit status, and its last line."""
        config = str(self.federation.home(code) / "node.toml")
        ran = await asyncio.to_thread(CliRunner().invoke, app, ["verify", "--config", config, *options])
        assert ran.stdout.strip(), ran.stderr or ran.exception
        return ran.exit_code, json.loads(ran.stdout.strip().splitlines()[-1])


async def open_flood(node):
    context = node.context

    def step(session):
        return open_incident(
            session,
            centre=context.centre,
            kind=FLOOD,
            severity=Severity.CRITICAL,
            title="Nước dâng",
            description="",
            area_code=COMMUNE,
            place=Place(10.88, 106.95),
            category="",
            thumbnail=None,
            actor="Người dân",
            now=context.clock.now(),
            random=os.urandom,
        )

    return (await asyncio.to_thread(context.database.write, step)).id


@pytest.fixture
async def stage(tmp_path):
    made = Stage(tmp_path)
    for code in (PROVINCE, DISTRICT, COMMUNE):
        await made.start(code)
    known = await open_flood(made.nodes[COMMUNE])
    await until(lambda: find(made.nodes[DISTRICT], known))
    query = "SELECT count(*) FROM federation_receipt WHERE stream_id = ? AND pos = 2"
    await until(lambda: made.ask(COMMUNE, query, made.urgent(COMMUNE, COMMUNE))[0][0])
    yield made
    for code in list(made.nodes):
        await made.stop(code)


def spoil(stage, holder):
    number = stage.urgent(holder, COMMUNE)
    raw = bytearray(stage.ask(holder, "SELECT raw FROM federation_frame WHERE stream_id = ? AND pos = 2", number)[0][0])
    raw[-3] ^= 1
    stage.edit(holder, "UPDATE federation_frame SET raw = ? WHERE stream_id = ? AND pos = 2", bytes(raw), number)


async def test_nothing_is_wrong_and_the_parent_agrees(stage) -> None:
    for code in (COMMUNE, DISTRICT, PROVINCE):
        status, said = await stage.verify(code)
        assert (status, said["ok"], said["damages"]) == (0, True, [])
        assert said["frames"] > 0
    status, said = await stage.verify(COMMUNE, "--against", "parent")
    assert (status, said["damages"]) == (0, [])


async def test_a_running_node_mends_its_own_frame_from_its_parent(stage) -> None:
    spoil(stage, COMMUNE)
    status, said = await stage.verify(COMMUNE)
    [damage] = said["damages"]
    assert status == 1
    assert (damage["origin"], damage["lane"], damage["audience"]) == (
        stage.federation.name(COMMUNE),
        "urgent",
        "parent",
    )
    assert (damage["fault"], damage["frame_no"], damage["seq"], len(damage["epoch"])) == ("BYTES", 1, 1, 32)
    status, said = await stage.verify(COMMUNE, "--repair")
    assert (status, said["repaired"], said["remaining"], said["unmendable"]) == (0, 1, [], [])
    assert not (stage.federation.home(COMMUNE) / proof.COPIES_FILE).exists()
    assert stage.ask(COMMUNE, "SELECT count(*) FROM audit WHERE act = 'ledger.mend'") == [(1,)]


async def test_a_frame_that_only_the_child_has_too_is_brought_by_the_child(stage) -> None:
    spoil(stage, DISTRICT)
    status, said = await stage.verify(DISTRICT, "--repair")
    assert status == 1
    assert "child" in said["unmendable"][0]["why"]
    commune = stage.nodes[COMMUNE]
    await proof.bring_copies(commune.context, commune.keystore)
    status, said = await stage.verify(DISTRICT)
    assert (status, said["damages"]) == (0, [])
    await proof.bring_copies(commune.context, commune.keystore)  # asked again, nothing is wanted any more


async def test_a_roll_back_of_a_stopped_node_shows_against_its_parents_head_alone_and_is_mended(stage) -> None:
    await stage.stop(COMMUNE)
    number = stage.urgent(COMMUNE, COMMUNE)
    [first] = stage.ask(COMMUNE, "SELECT frame_hash FROM federation_frame WHERE stream_id = ? AND pos = 1", number)
    for statement in (
        "DELETE FROM federation_frame WHERE stream_id = ? AND pos > 1",
        "DELETE FROM federation_receipt WHERE stream_id = ? AND pos > 1",
        "DELETE FROM federation_record WHERE stream_id = ? AND pos > 1",
        "UPDATE federation_cursor SET pos = 1, count = 0 WHERE stream_id = ?",
    ):
        stage.edit(COMMUNE, statement, number)
    head = "UPDATE federation_stream SET frame_no = 0, frame_hash = ?, next_seq = 1, head_pos = 1, head_count = 0"
    stage.edit(COMMUNE, f"{head} WHERE id = ?", *first, number)
    status, said = await stage.verify(COMMUNE)
    assert (status, said["damages"]) == (0, [])
    status, said = await stage.verify(COMMUNE, "--against", "parent")
    assert (status, [one["fault"] for one in said["damages"]]) == (1, ["CUT"])
    assert (said["damages"][0]["frame_no"], said["damages"][0]["seq"]) == (1, 1)
    status, said = await stage.verify(COMMUNE, "--repair")
    assert (status, said["repaired"], said["remaining"]) == (0, 1, [])
    await stage.start(COMMUNE)
    again = await open_flood(stage.nodes[COMMUNE])
    await until(lambda: find(stage.nodes[DISTRICT], again))


async def test_a_file_of_heads_and_a_bundle_of_a_neighbour_do_as_well_as_the_link(stage, tmp_path) -> None:
    files = {}
    for what in ("heads", "frames"):
        files[what] = str(tmp_path / what)
        config = str(stage.federation.home(DISTRICT) / "node.toml")
        ran = await asyncio.to_thread(
            CliRunner().invoke, app, ["evidence", what, "--config", config, "--out", files[what]]
        )
        assert ran.exit_code == 0, ran.output
        assert (tmp_path / what).stat().st_mode & 0o777 == 0o600
        status, said = await stage.verify(COMMUNE, "--against", files[what])
        assert (status, said["damages"]) == (0, []), what
    spoil(stage, COMMUNE)
    status, said = await stage.verify(COMMUNE, "--repair", "--against", files["heads"])
    assert (status, said["repaired"]) == (1, 0)
    status, said = await stage.verify(COMMUNE, "--repair", "--against", files["frames"])
    assert (status, said["repaired"], said["remaining"]) == (0, 1, [])


async def test_the_hourly_slice_rings_where_the_damage_is(stage) -> None:
    node = stage.nodes[DISTRICT]
    rounds = proof.Rounds(node.context.database, lambda: node.context.registry.current, node.context.clock)
    assert await rounds.take() == 0
    spoil(stage, DISTRICT)
    assert await rounds.take() == 1
    rung = [one for one in node.context.database.read(alarm.latest) if one.code == proof.ALARM]
    assert [one.origin for one in rung] == [stage.federation.name(COMMUNE)]
    assert "frame 1, seq 1" in rung[0].detail


async def test_a_stranger_and_a_neighbour_get_no_frames_of_others(stage) -> None:
    """A child with valid keys asks for the stream between its parent and the province."""
    from federation.copies_link import Asking, question_of
    from federation.frame import StreamKey
    from pki.errors import PkiError

    commune = stage.nodes[COMMUNE]
    asking = Asking(
        keystore=commune.keystore,
        registry=commune.context.registry,
        address=f"127.0.0.1:{stage.ports[DISTRICT]}",
    )
    foreign = StreamKey(stage.federation.name(DISTRICT), "urgent", "parent")
    with pytest.raises(PkiError) as refused:
        await asking._fetch(question_of(foreign, None, 5))
    assert refused.value.code == "ORIGIN_MISMATCH"
    own = StreamKey(stage.federation.name(COMMUNE), "urgent", "parent")
    assert len((await asking._fetch(question_of(own, None, 5))).frames) == 2
