"""A sequential design by the real workflow: two looks, an arm decided at the first, and what the second is spared."""

import pytest
import yaml
from helpers.designs import smaller
from helpers.nextflow import launch

from volfid.core.schemas import CONTRACTS

pytestmark = pytest.mark.workflow


def test_the_second_look_trains_new_draws_alone_and_no_arm_that_is_decided(project, tmp_path):
    """The margin is so wide that any interval lies in it: both comparisons are decided at the first look."""
    path = smaller(
        "smoke", tmp_path / "looks.yaml", ["headline", "curve"],
        regime={"sizes": [48], "curve": [32, 48, 96], "draws": 3}, factors={"method": ["full_synthesis"]},
    )  # fmt: skip
    design = yaml.safe_load((tmp_path / "looks.yaml").read_text())
    design["sequential"] = {"looks": [2, 3], "alpha": 0.05, "margin": 0.99, "arms": {"St": "Rt"}}
    (tmp_path / "looks.yaml").write_text(yaml.safe_dump(design))
    folder = tmp_path / "run"
    common = ("--design", path, "--input", "fixture", "--chunk_store", str(tmp_path / "chunks"))
    first = launch(project, folder, *common, "--look", "1", "--outdir", "look1")
    assert first.code == 0, first.output[-4000:]
    previous = ("--previous", "look1/tables/effects.parquet", "-resume")
    second = launch(project, folder, *common, "--look", "2", "--outdir", "results", *previous)
    assert second.code == 0, second.output[-4000:]

    cells = {look: CONTRACTS["cells"].read(folder / look / "plan") for look in ("look1", "results")}
    draws = {look: {row["draw"] for row in rows if row["arm"] == "Rt"} for look, rows in cells.items()}
    assert draws == {"look1": {0, 1}, "results": {0, 1, 2}}
    assert {row["draw"] for row in cells["results"] if row["arm"] == "St"} == {0, 1}
    plan = CONTRACTS["plan"].read_object(folder / "results/plan")
    assert [(row["arm"], row["verdict"], row["draws"], row["cells_spared"]) for row in plan["stopped"]] == [
        ("St", "equivalent", 2, 1)
    ]
    scored = {row["cell_id"] for row in CONTRACTS["scores"].read(folder / "results/tables")}
    assert scored == {row["cell_id"] for row in cells["results"]}

    tasks = second.tasks()
    trained = {status: {name for name in tasks[status] if "TRAIN" in name} for status in ("CACHED", "COMPLETED")}
    assert trained["COMPLETED"] and all("__d02__" in name for name in trained["COMPLETED"]), trained
    assert trained["CACHED"] and all("__d02__" not in name for name in trained["CACHED"]), trained

    (row,) = [row for row in CONTRACTS["effects"].read(folder / "results/tables") if row["effect"] == "sequential"]
    assert row["verdict"] == "equivalent" and row["n"] == 2
    assert row["level"] == pytest.approx(1 - 0.05 * 2 / 5)  # the share of the first look in all errors
    page = (folder / "results/report.html").read_text()
    assert "decided" in page and "1 of 3 draws need not be made" in page
