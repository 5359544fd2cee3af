"""Three real processes, the middle one dead: a grave report reaches the province, and its receipt the commune."""

import pytest

from node.drill.tiers import COMMUNE, DISTRICT, PROVINCE, Tiers

pytestmark = [pytest.mark.drill, pytest.mark.timeout(300)]
PATIENCE_S = 60.0


@pytest.fixture
async def tiers(tmp_path):
    found = Tiers(tmp_path)
    yield found
    await found.stop()


async def until(tiers: Tiers, condition, what: str) -> None:
    deadline = tiers.clock.monotonic() + PATIENCE_S
    while not condition():
        assert tiers.clock.monotonic() < deadline, what
        await tiers.clock.sleep(0.2)


def confirmed(tiers: Tiers) -> int:
    """How many of the commune's alerts wait for no receipt any more."""
    return tiers.ask(
        COMMUNE, "SELECT count(*) FROM federation_awaited WHERE upto = 'top' AND satisfied_at_us IS NOT NULL"
    )[0][0]


@pytest.mark.parametrize("failpoint", ["", "bypass.after_append:kill@1"])
async def test_a_grave_report_goes_past_a_dead_district_and_nothing_is_lost_or_doubled(tiers, failpoint) -> None:
    past = {
        "LIENTHONG_LINK__RECEIPT_WITHIN_S": "5",
        "LIENTHONG_BYPASS__ADDRESS": f"127.0.0.1:{tiers.site(PROVINCE).link}",
    }
    await tiers.start({COMMUNE: past | ({"LIENTHONG_FAILPOINT": failpoint} if failpoint else {})})
    assert await tiers.report(is_grave=True) == 201
    await until(tiers, lambda: len(tiers.marks(PROVINCE)) == 1, "an ordinary day")
    await until(tiers, lambda: confirmed(tiers) == 1, "its receipt")
    assert tiers.alarms(COMMUNE, "NO_RECEIPT") == tiers.alarms(PROVINCE, "BYPASS_USED") == 0

    tiers.running.children.kill(DISTRICT)
    assert await tiers.report(is_grave=True) == 201
    assert await tiers.report(is_grave=False) == 201
    if failpoint:
        await until(
            tiers,
            lambda: any(COMMUNE in one.program.name for one in tiers.running.children.take_exits()),
            "the commune dies in the middle of it",
        )
        tiers.running.start_node(tiers.site(COMMUNE), past)
        await tiers.running.ready(tiers.site(COMMUNE))
    await until(tiers, lambda: len(tiers.marks(PROVINCE)) == 2, "past the dead district")
    await until(tiers, lambda: confirmed(tiers) == 2, "the province's receipt, with the district still dead")
    assert tiers.alarms(COMMUNE, "NO_RECEIPT") == tiers.alarms(COMMUNE, "BYPASS_USED") == 1
    assert tiers.alarms(PROVINCE, "BYPASS_USED") == 1

    tiers.running.start_node(tiers.site(DISTRICT))
    await tiers.running.ready(tiers.site(DISTRICT))
    assert await tiers.delivered(within_s=PATIENCE_S)
    assert await tiers.report(is_grave=True) == 201
    await until(tiers, lambda: len(tiers.marks(PROVINCE)) == 3, "by way of the district again")
    held = "SELECT count(*) FROM federation_end_receipt"
    await until(tiers, lambda: tiers.ask(COMMUNE, held)[0][0] == 3, "a receipt of each, signed by the province")
    assert sorted(tiers.marks(PROVINCE)) == sorted(set(tiers.told.grave))
    verdict = tiers.judge()
    assert (verdict["lost"], verdict["doubled"]) == (0, 0), verdict
    acts = "SELECT act, count(*) FROM incident_event WHERE act IN ('open', 'bypass') GROUP BY act ORDER BY act"
    assert tiers.ask(PROVINCE, acts) == [("bypass", 1), ("open", 3)]
    assert [tiers.ask(code, "SELECT code FROM federation_parked") for code in (PROVINCE, DISTRICT, COMMUNE)] == [
        [],
        [],
        [],
    ]
