"""All figures of the report, in its order."""

from pathlib import Path

from volfid.core.files import write_json
from volfid.report import figures_fidelity, figures_retrieval, figures_specification, figures_worth
from volfid.report.inputs import ReportInputs
from volfid.report.style import Drawing, save, styled

DRAWERS = (
    figures_worth.worth,
    figures_worth.attribution,
    figures_fidelity.distance,
    figures_specification.specification,
    figures_worth.mixture,
    figures_fidelity.cooccurrence,
    figures_retrieval.retrieval,
)


def drawings(inputs: ReportInputs) -> list[Drawing]:
    """All figures; each says in its own panel when there is nothing to draw."""
    return [drawer(inputs) for drawer in DRAWERS]


def write_figures(inputs: ReportInputs, folder: Path) -> list[Path]:
    """Write every figure as SVG and PNG and `figures.json` (file, title, alt, caption) into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    written, index = [], []
    with styled():
        for drawing in drawings(inputs):
            written += save(drawing, inputs.stamp, folder)
            index.append(
                {"file": f"{drawing.name}.svg", "title": drawing.title, "alt": drawing.alt, "caption": drawing.caption}
            )
    write_json(folder / "figures.json", index)
    return [*written, folder / "figures.json"]
