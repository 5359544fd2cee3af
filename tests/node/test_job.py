import asyncio

from node.job import LONGEST_PAUSE_S, Job, JobRunner, Round, on_writer
from tests.fakes.clock import FakeClock


async def settle():
    for _ in range(20):
        await asyncio.sleep(0)


class Counter:
    def __init__(self, *, fails=0):
        self.taken, self.fails = 0, fails

    async def __call__(self):
        self.taken += 1
        if self.taken <= self.fails:
            raise ValueError("not yet")


async def test_each_goes_at_its_own_pace():
    clock, quick, slow = FakeClock(), Counter(), Counter()
    runner = JobRunner([Round("quick", 1.0, quick), Round("slow", 10.0, slow)], clock)
    runner.start()
    await settle()
    assert (quick.taken, slow.taken) == (1, 1)
    for _ in range(10):
        clock.advance(1.0)
        await settle()
    assert (quick.taken, slow.taken) == (11, 2)
    await runner.stop()
    clock.advance(100)
    await settle()
    assert (quick.taken, slow.taken) == (11, 2)


async def test_one_that_explodes_is_reported_and_tried_again_later_and_stops_nobody(caplog):
    clock, bad, good = FakeClock(), Counter(fails=2), Counter()
    runner = JobRunner([Round("bad", 4.0, bad), Round("good", 1.0, good)], clock)
    runner.start()
    await settle()
    state = runner.states()[0]
    assert (state.name, state.failures, state.last_error) == ("bad", 1, "ValueError")
    assert "job failed" in caplog.text
    pauses = []
    while runner.states()[0].failures:
        pauses.append(runner.pause_s(Round("bad", 4.0, bad)))
        clock.advance(pauses[-1])
        await settle()
    assert pauses == [8.0, 16.0]
    assert runner.states()[0].last_ok_at == clock.now()
    assert good.taken >= 3
    await runner.stop()


async def test_a_pause_has_an_end_and_is_never_shorter_than_the_period():
    clock, bad = FakeClock(), Counter(fails=999)
    runner = JobRunner([Round("bad", 4.0, bad)], clock)
    for _ in range(40):
        await runner.once(Round("bad", 4.0, bad))
    assert runner.pause_s(Round("bad", 4.0, bad)) == LONGEST_PAUSE_S
    assert runner.pause_s(Round("bad", 7200.0, bad)) == 7200.0


async def test_stopping_waits_until_a_step_is_gone():
    clock, ended = FakeClock(), asyncio.Event()

    async def take():
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            ended.set()

    runner = JobRunner([Round("long", 1.0, take)], clock)
    runner.start()
    await settle()
    await runner.stop()
    assert ended.is_set()


async def test_a_modules_job_runs_on_the_writer(centre):
    job = centre.context.modules[0].jobs[0]
    await on_writer(job, centre.context).take()
    assert centre.client().get("/modules/sample/").json() == {"greeting": "chào bà con", "notes": 1}

    def explode(session, context):
        raise ValueError(context.centre.code)

    runner = JobRunner([on_writer(Job(name="x", period_s=1.0, step=explode), centre.context)], FakeClock())
    await runner.once(runner._rounds[0])
    assert runner.states()[0].failures == 1
