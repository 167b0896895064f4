"""How every figure looks, and how it is written: same input, same bytes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from volfid.core.files import atomic_path
from volfid.report.text import clean

# Okabe and Ito (2008), their yellow darkened so that lines can be read on white; in grey the markers tell arms apart.
BLACK, ORANGE, SKY, GREEN, BROWN, BLUE, VERMILION, PURPLE = (
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#8A6D00", "#0072B2", "#D55E00", "#CC79A7",
)  # fmt: skip
CYCLE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
FAMILIES = (("R0", BLACK, "o"), ("R1", BLACK, "s"), ("RM", BLUE, "D"), ("R", BLACK, "v"), ("PL", SKY, "v"),
            ("Pd", BROWN, "<"), ("P", ORANGE, "^"), ("C", PURPLE, "P"), ("S_perm", GREEN, "h"),
            ("S", VERMILION, "X"), ("MIX", GREEN, "d"))  # fmt: skip

RC = {
    "font.family": "DejaVu Sans", "font.size": 9, "axes.titlesize": 9.5, "axes.labelsize": 9,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": "#e2e2e2",
    "grid.linewidth": 0.6, "axes.axisbelow": True, "legend.frameon": False, "legend.fontsize": 8,
    "figure.dpi": 100, "savefig.dpi": 150, "svg.fonttype": "path", "svg.hashsalt": "volfid",
    "figure.constrained_layout.use": True, "axes.titlelocation": "left", "text.parse_math": False,
}  # fmt: skip


@dataclass(frozen=True)
class Drawing:
    """One figure: `draw` fills a fresh Figure; words for people who do not see it."""

    name: str
    title: str
    alt: str
    caption: str
    size: tuple[float, float]
    draw: Callable[[Figure], None]


def look_of_arm(arm: str) -> tuple[str, str]:
    """Colour and marker of an arm, the same in every figure."""
    for prefix, colour, marker in FAMILIES:
        if arm.startswith(prefix):
            return colour, marker
    return GREEN, "d"


def label(text: str, limit: int = 40) -> str:
    """A name from the data as figure text: inert and short."""
    text = clean(text, 10 * limit).replace("\n", " ")
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def gap(axes: Axes, reason: str) -> None:
    """State in the panel that there is nothing to draw, and why. Never a bar of height 0."""
    axes.set_facecolor("#f4f4f4")
    axes.grid(False)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.text(0.5, 0.5, f"not shown\n{_wrap(label(reason, 200))}", transform=axes.transAxes, ha="center", va="center",
              color="#444444", fontsize=8.5, style="italic")  # fmt: skip


def _wrap(text: str, width: int = 42) -> str:
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + len(word) >= width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return "\n".join([*lines, line])


@contextmanager
def styled() -> Iterator[None]:
    """Settings of the project inside the block, matplotlib's own afterwards."""
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **RC, "backend": "Agg"}):
        yield


def save(drawing: Drawing, stamp: str | None, folder: Path) -> list[Path]:
    """Write NAME.svg and NAME.png; neither holds a date or the name of a machine."""
    written = []
    with styled():
        figure = Figure(figsize=drawing.size)
        drawing.draw(figure)
        if stamp:
            figure.suptitle(label(stamp, 80), color=VERMILION, fontsize=9, fontweight="bold", x=0.99, ha="right")
        for suffix, metadata in (("svg", {"Date": None, "Creator": "volfid"}), ("png", {"Software": None})):
            path = folder / f"{drawing.name}.{suffix}"
            with atomic_path(path) as temporary:
                figure.savefig(temporary, format=suffix, metadata=metadata)
            written.append(path)
    return written
