"""Figures: same input, same bytes; gaps are told, never drawn as zero."""

import json
import re
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from report_fixture import STAMP, drawn_figures, make_inputs

from volfid.report.figures import drawings, write_figures
from volfid.report.figures_fidelity import gains
from volfid.report.inputs import ReportInputs
from volfid.report.style import Drawing, gap, look_of_arm, save


@pytest.fixture(scope="module")
def inputs():
    return ReportInputs(**make_inputs())


@pytest.fixture(scope="module")
def written():
    return Path(drawn_figures().name)


@pytest.fixture
def unsaved(monkeypatch):
    """Layout and files left out, for tests of what is drawn."""
    monkeypatch.setattr(Figure, "savefig", lambda self, path, **_: path.write_bytes(b"x"))


def test_each_figure_has_svg_png_title_alt_text_and_caption_with_n(written):
    index = json.loads((written / "figures.json").read_text())
    assert [row["file"] for row in index] == [
        f"{n}.svg"
        for n in ("worth", "attribution", "distance", "specification", "mixture", "cooccurrence", "retrieval")
    ]
    for row in index:
        assert (written / row["file"]).stat().st_size > 5000
        assert (written / row["file"]).with_suffix(".png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
        assert len(row["alt"]) > 40 and re.search(r"n = \d", row["caption"]), row


def test_equal_inputs_give_equal_bytes_and_no_date(inputs, written, tmp_path):
    for drawing in drawings(inputs)[::3]:
        for path in save(drawing, STAMP, tmp_path):
            assert path.read_bytes() == (written / path.name).read_bytes(), path.name
    assert "<dc:date>" not in (written / "worth.svg").read_text()


def test_svg_needs_nothing_from_outside(written):
    for path in written.glob("*.svg"):
        text = path.read_text()
        assert not re.search(r'(href|src)="(?!#|data:)', text) and "<script" not in text and "@import" not in text


def test_a_run_without_anything_draws_stated_gaps(tmp_path, monkeypatch, unsaved):
    told = []
    monkeypatch.setattr("volfid.report.figures_worth.gap", lambda axes, reason: told.append(reason))
    monkeypatch.setattr("volfid.report.figures_fidelity.gap", lambda axes, reason: told.append(reason))
    monkeypatch.setattr("volfid.report.figures_retrieval.gap", lambda axes, reason: told.append(reason))
    monkeypatch.setattr("volfid.report.figures_specification.gap", lambda axes, reason: told.append(reason))
    write_figures(ReportInputs(corpus={"stamp": None}), tmp_path)
    assert len(told) >= 7 and all(len(reason) > 10 for reason in told)


def test_an_undefined_estimate_is_written_and_has_no_bar(inputs, monkeypatch):
    drawing = {d.name: d for d in drawings(inputs)}["attribution"]
    figure = Figure()
    drawing.draw(figure)
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert sum("undefined: corners without a" in text for text in texts) == 1
    with_threshold = [axes for axes in figure.axes if "threshold" in [t.get_text() for t in axes.get_yticklabels()]]
    assert sorted(len(axes.patches) for axes in with_threshold) == [3, 4, 4, 4]


def test_the_stamp_stands_in_every_figure(inputs, tmp_path, monkeypatch, unsaved):
    seen = []
    monkeypatch.setattr(Figure, "suptitle", lambda self, text, **_: seen.append(text))
    for drawing in drawings(inputs):
        save(drawing, STAMP, tmp_path)
    assert seen == [STAMP] * 7


def test_without_a_specification_the_caption_says_so_and_counts_nothing():
    drawing = {d.name: d for d in drawings(ReportInputs())}["specification"]
    assert drawing.caption.startswith("No two regimes of this run have conditions to correlate.")


def test_specifications_stand_in_order_and_those_that_turn_in_their_own_colour(inputs):
    figure = Figure()
    {d.name: d for d in drawings(inputs)}["specification"].draw(figure)
    made = [row for row in inputs.findings["specifications"] if row["delta"] is not None]
    for axes, name in zip(figure.axes[:2], ("linear", "mlp"), strict=True):
        mine = [row for row in made if row["classifier"] == name]
        plain, turned = (collection.get_offsets() for collection in axes.collections[-2:])
        drawn = sorted([*plain.tolist(), *turned.tolist()])
        assert [y for _, y in drawn] == sorted(row["delta"] for row in mine)
        assert len(turned) == sum(row["r_low"] > 0 > row["r_high"] for row in mine) > 0
    assert len(made) == len(inputs.findings["specifications"]) - 1  # the undefined one is not drawn


def test_a_gap_shows_its_reason_as_inert_text(tmp_path):
    drawing = Drawing(
        "x", "t", "a", "c", (3, 2), lambda figure: gap(figure.subplots(), "no $x$ \u202e \x1b[31m </svg>")
    )
    save(drawing, None, tmp_path)
    assert "</svg><" not in (tmp_path / "x.svg").read_text().rstrip().removesuffix("</svg>")


def test_the_gain_is_paired_with_real_only_of_the_same_updates(inputs):
    found = gains(inputs, "ap_micro", "none")
    values = {(r["cell_id"], r["metric"], r["threshold"]): r["value"] for r in inputs.scores}
    cell = next(c for c in found if c["arm"] == "S" and c["classifier"] == "mlp" and c["draw"] == 1)
    base = next(
        c
        for c in inputs.cells
        if c["arm"] == "R1" and all(c[k] == cell[k] for k in ("classifier", "draw", "regime", "added"))
    )
    assert cell["gain"] == values[cell["cell_id"], "ap_micro", "none"] - values[base["cell_id"], "ap_micro", "none"]
    tuned = next(c for c in found if c["arm"] == "St")
    base = next(
        c
        for c in inputs.cells
        if c["arm"] == "Rt"
        and c["blocks"] == ["curve"]
        and all(c[k] == tuned[k] for k in ("classifier", "draw", "regime"))
    )
    assert tuned["gain"] == values[tuned["cell_id"], "ap_micro", "none"] - values[base["cell_id"], "ap_micro", "none"]


def test_families_of_arms_are_told_apart_by_colour_or_marker():
    looks = [look_of_arm(arm) for arm in ("R0", "R1", "Rt", "RM", "Pb", "Pd", "PL", "C", "S", "S_perm", "MIX")]
    assert len(set(looks)) == len(looks)
