"""A part that fails leaves the others their figures; limits are measured by programs that know nothing of ours."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from bench import baseline, machine
from bench.__main__ import PARTS, Run, parse
from bench.actor import ROOT, Actor, ActorDied
from bench.stage import Stage
from tests.house.tree import OURS

BARE = sorted((ROOT / "bench").glob("bare_*.py"))


@pytest.mark.parametrize("program", BARE, ids=lambda file: file.name)
def test_a_limit_is_measured_without_ours(program):
    tree = ast.parse(program.read_text(encoding="utf-8"))
    named = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    named |= {node.module or "." for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert len(BARE) >= 6
    assert not {name.partition(".")[0] for name in named} & {*OURS, "", "."}


def test_a_part_that_fails_is_told_and_the_next_goes_on(tmp_path):
    run = Run(parse(["--quick"]), tmp_path)

    def breaks():
        raise FileNotFoundError(f"{tmp_path}/gone")

    assert run.attempt("one", breaks) is None
    assert run.attempt("two", lambda: {"figure": 1}) == {"figure": 1}
    assert run.failed == ["one: FileNotFoundError: …/gone"]


def test_all_parts_are_wanted_unless_some_are_named(tmp_path):
    assert all(Run(parse([]), tmp_path).wants(part) for part in PARTS)
    named = Run(parse(["--only", "idle", "--only", "journey"]), tmp_path)
    assert [part for part in PARTS if named.wants(part)] == ["idle", "journey"]


def test_processes_of_a_part_that_failed_are_ended_by_their_numbers(tmp_path):
    stage = Stage(tmp_path, None, None)
    actor = stage.actor(str(ROOT / "bench" / "bare_idle.py"))
    assert machine.cpu_s(actor.pid) >= 0
    stage.end_all()
    assert not Path(f"/proc/{actor.pid}").exists()
    assert stage.actors == []


def test_an_actor_that_died_says_so_and_can_still_be_ended(tmp_path):
    program = tmp_path / "ends.py"
    program.write_text("input()\n", encoding="utf-8")
    actor = Actor(str(program))
    with pytest.raises(ActorDied):
        actor.hear()
    actor.end()


def test_a_process_is_found_below_the_one_that_started_it():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert process.pid in machine.children_of(machine.os.getpid())
        assert machine.rss_mb(process.pid) <= machine.peak_mb(process.pid)
        assert machine.wakeups(process.pid) >= 0
        process.communicate(b"\n")


def test_a_revision_that_git_does_not_know_is_named(tmp_path):
    with pytest.raises(baseline.NoSuchRevision):
        baseline.tree_of("no-such-revision", tmp_path)
