"""The calibration as a workflow: wiring of every world, classifier and chunk."""

import pytest
from helpers.nextflow import launch

from volfid.calibration.catalogue import WORLDS
from volfid.core.schemas import CONTRACTS

pytestmark = pytest.mark.workflow


def test_the_profile_calibrates_every_world_and_runs_no_study(project, tmp_path):
    run = launch(project, tmp_path / "calibrate", "-profile", "calibrate", "-stub-run", "--calibrate_replicates", "208")
    assert run.code == 0, run.output[-4000:]
    done = run.tasks()["COMPLETED"]
    assert run.processes("COMPLETED") == {"CALIBRATE_INSTRUMENT", "RATE_CALIBRATION", "COLLECT_CALIBRATION"}
    for name, world in WORLDS.items():
        for classifier in world.classifiers:
            place = f"{name}__{classifier}"
            # 1,040 draws in chunks of at most 1,000
            assert {f"CALIBRATION:CALIBRATE_INSTRUMENT ({place} {first})" for first in (0, 1000)} <= done
            assert f"CALIBRATION:RATE_CALIBRATION ({place})" in done
    for contract in ("calibration", "confusion", "calibration_summary"):
        CONTRACTS[contract].read(run.results / "calibration")


def test_too_few_replicates_are_refused_before_anything_starts(project, tmp_path):
    run = launch(project, tmp_path / "few", "-profile", "calibrate", "--calibrate_replicates", "3")
    assert run.code != 0 and "--calibrate_replicates: 3" in run.output
