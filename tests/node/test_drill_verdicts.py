"""A drill ends in one line, also one that breaks off."""

import json
from pathlib import Path

import pytest
import typer

from node.drill import command
from node.drill.row import DrillFailed
from node.drill.verdicts import to_its_end, verdict
from tests.fakes.clock import FakeClock


async def fails(error: Exception) -> dict[str, object]:
    raise error


@pytest.mark.parametrize(
    ("error", "words"), [(DrillFailed("it did not come"), "it did not come"), (KeyError("x"), "KeyError: 'x'")]
)
async def test_what_stood_in_the_way_is_said_and_nothing_is_called_kept(error, words) -> None:
    said = await to_its_end("clone", fails(error))
    assert said == {"drill": "clone", "ok": False, "lost": None, "doubled": None, "failed": words}


async def test_a_drill_on_three_centres_that_breaks_off_tells_what_its_processes_said(tmp_path: Path) -> None:
    async def breaks(made, records: int) -> dict[str, object]:
        made.running._tell("a centre speaks")
        raise OSError(f"no {records}")

    said = await verdict("restore", breaks, tmp_path, 7, FakeClock())
    assert (said["ok"], said["failed"]) == (False, "OSError: no 7")
    assert said["told"] == ["a centre speaks"]


def test_the_last_line_of_a_drill_that_failed_names_its_folder_and_keeps_it(tmp_path, capsys) -> None:
    with pytest.raises(typer.Exit) as ended:
        command.conclude({"drill": "clone", "ok": False, "lost": None, "doubled": None}, tmp_path, None)
    assert ended.value.exit_code == 1
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["folder"] == str(tmp_path)
    assert tmp_path.exists()
