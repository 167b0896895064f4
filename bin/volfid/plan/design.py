"""The design file: typed, with every unknown key refused and every name checked."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from volfid.core.exits import ConfigError
from volfid.core.ids import value_is_valid
from volfid.core.input_policies import POLICIES, default
from volfid.core.schemas import EXPOSURES, HEAD_STARTS, LABEL_LAWS, TEXTS, TUNINGS
from volfid.core.yaml_files import read_yaml


def _id_value(value: str) -> str:
    if not value_is_valid(value):
        raise ValueError(f"{value!r} must be lower-case letters, digits, '.' and single '_'")
    return value


Name = Annotated[str, AfterValidator(_id_value)]
SHOTS = re.compile(r"([1-9]\d*)-shot")
RATIO = re.compile(r"([1-9]\d*):([1-9]\d*)")


def _size(value: Any) -> Any:
    if isinstance(value, bool) or (isinstance(value, float) and value >= 1):
        words = "a count has no point, and the whole train pool is all" if isinstance(value, float) else "use a number"
        raise ValueError(f"{value!r} is no size: {words}")
    if isinstance(value, str) and not (value == "all" or SHOTS.fullmatch(value) or RATIO.fullmatch(value)):
        raise ValueError(f"{value!r} is no size: give documents (165), a share (0.1), all, 5-shot or a ratio (1:10)")
    return value


# documents, a share of the train pool when below 1, the whole pool ('all'), at least k positives of every label
# ('5-shot'), or real : synthetic for all synthetic documents there are ('1:10')
Size = Annotated[int | float | str, BeforeValidator(_size)]
# rows, 'x9' for nine times the regime, real : synthetic ('1:9', '10:1'), 'pool' or 'pool/2' for the supplied documents
Added = int | str


class Strict(BaseModel):
    """A mapping without unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _choice(policy: str) -> Any:
    return Literal[POLICIES[policy][0]]


class Inputs(Strict):
    """Split shares, columns and policies (core/input_policies.py); read by prepare_documents."""

    test_share: float = Field(default=0.3, ge=0.01, le=0.8)
    reference_share: float = Field(default=0.1, ge=0.01, le=0.8)
    min_label_documents: int = Field(default=8, ge=3)
    min_words: int = Field(default=1, ge=1)
    max_words: int | None = Field(default=None, ge=1)
    columns: dict[str, Any] = {}
    label_separator: str | None = None
    no_header: bool = False
    synthetic: dict[str, Any] = {}
    unknown_labels: _choice("unknown_labels") = default("unknown_labels")  # type: ignore[valid-type]
    unlabelled: _choice("unlabelled") = default("unlabelled")  # type: ignore[valid-type]
    rare_labels: _choice("rare_labels") = default("rare_labels")  # type: ignore[valid-type]
    missing_labels: _choice("missing_labels") = default("missing_labels")  # type: ignore[valid-type]
    error_cells: _choice("error_cells") = default("error_cells")  # type: ignore[valid-type]
    missing_text: _choice("missing_text") = default("missing_text")  # type: ignore[valid-type]
    long_text: _choice("long_text") = default("long_text")  # type: ignore[valid-type]
    missing_date: _choice("missing_date") = default("missing_date")  # type: ignore[valid-type]
    duplicate_ids: _choice("duplicate_ids") = default("duplicate_ids")  # type: ignore[valid-type]
    duplicate_texts: _choice("duplicate_texts") = default("duplicate_texts")  # type: ignore[valid-type]
    near_duplicates: _choice("near_duplicates") = default("near_duplicates")  # type: ignore[valid-type]
    leakage: _choice("leakage") = default("leakage")  # type: ignore[valid-type]
    split_by: _choice("split_by") = default("split_by")  # type: ignore[valid-type]


class Regime(Strict):
    """Nested draws of real documents."""

    sizes: list[Size] = Field(min_length=1)
    curve: list[Size] = []
    draws: int = Field(ge=1, le=99)
    folds: int = Field(default=3, ge=2, le=10)
    sampling: Literal["stratified", "random"] = "stratified"
    min_positives: int | None = Field(default=None, ge=0, description="of every label, where possible")
    short_labels: Literal["refuse", "all"] = Field(
        default="refuse", description="k-shot sizes and labels of fewer than k documents: refuse, or take all there are"
    )

    @model_validator(mode="after")
    def _at_random(self) -> "Regime":
        if self.sampling == "random" and self.min_positives is not None:
            raise ValueError("a random draw has no min_positives: leave it out, or draw stratified")
        return self


class Pool(Strict):
    """How synthetic text is made: one pool per generator, method and draw."""

    size: Size = Field(description="regime whose documents the generator is shown")
    requests: int = Field(ge=1)
    chunk: int = Field(default=16, ge=1)
    attempts: int = Field(default=4, ge=1, le=4)
    words: tuple[int, int] = (25, 90)
    sampling: dict[str, dict[str, Any]] = {}


_TEXTS_OF_LAW = {
    "permuted": ("synthetic",), "matched": ("synthetic",), "synthetic": ("synthetic", "copies_balanced"),
    "shifted": ("synthetic", "copies_balanced"),
}  # fmt: skip


class Labelling(Strict):
    """How a generator is asked which labels a document has."""

    chunk: int = Field(default=8, ge=1, description="documents asked about together")
    shown_words: int = Field(default=120, ge=10)
    exemplars: int = Field(default=3, ge=1, description="labelled real documents in a few-shot prompt")
    definitions: bool = True
    genre: str | None = None
    calibrate: bool = Field(default=True, description="take off the answers to a text without content")


class Checks(Strict):
    """How a generator checks the labels of made documents, and of real ones for comparison (generation/checks.py)."""

    checkers: list[Name] = Field(default=[], description="generators that are asked; those of the factors when empty")
    own: bool = Field(default=False, description="whether a generator may check what it wrote")
    documents: int = Field(default=24, ge=1, description="documents of each pool, at random")
    real: int = Field(default=60, ge=1, description="real documents of the train pool, at random")
    checks: int = Field(default=5, ge=2, description="of each document, each in an order and with a seed of its own")
    temperature: float = Field(default=0.7, gt=0, description="at which a vote is drawn")
    candidates: int = Field(default=8, ge=3, description="labels a check asks about, those of the document among them")
    chunk: int = Field(default=20, ge=1, description="checks asked together")
    shown_words: int = Field(default=120, ge=10)
    definitions: bool = True
    genre: str | None = None


class Arm(Strict):
    """A named point of the factorial (docs/controls.md)."""

    text: Literal[TEXTS] = "none"  # type: ignore[valid-type]
    label_law: Literal[LABEL_LAWS] = "real"  # type: ignore[valid-type]
    updates: Literal["low", "high", "stopped"] = "low"
    tuning: Literal[TUNINGS] = "fixed"  # type: ignore[valid-type]
    head_start: Literal[HEAD_STARTS] = "zero"  # type: ignore[valid-type]
    exposure: Literal[EXPOSURES] = "pooled"  # type: ignore[valid-type]

    @model_validator(mode="after")
    def _meaningful(self) -> "Arm":
        if self.text == "none" and (self.label_law != "real" or self.exposure != "pooled"):
            raise ValueError("an arm without added rows has no label law and no exposure to choose")
        if self.text not in _TEXTS_OF_LAW.get(self.label_law, (self.text,)):
            raise ValueError(f"{self.text} cannot follow the label law {self.label_law!r}")
        if self.exposure == "filtered" and self.text != "synthetic":
            raise ValueError("only synthetic rows are filtered")
        if self.updates == "stopped" and (self.tuning == "tuned" or self.exposure != "pooled"):
            raise ValueError("the paper's stop rule goes with the fixed recipe and pooled batches")
        return self

    @property
    def needs_pool(self) -> bool:
        """Whether the rows depend on a synthetic pool."""
        return self.text in ("synthetic", "copies_paired", "copies_cut") or self.label_law == "synthetic"


class Block(Strict):
    """One crossing of arms with factors, for one table or figure."""

    name: Name
    arms: list[str] = Field(min_length=1)
    size: Literal["sizes", "curve"] | list[Size] = "sizes"
    added: list[Added] = []
    real_share: list[float] = []
    budget: int | None = Field(default=None, ge=2)
    dose: list[float] = Field(default=[], description="strengths of a shifted label law, 0 for none")
    classifier: list[Name] = []
    loss: list[Name] = Field(default=[], description="those of the factors when empty")
    method: list[Name] = Field(default=[], description="those of the factors when empty")
    draws: int | None = Field(default=None, ge=1, description="the first draws alone")
    head_start: Literal[HEAD_STARTS] | None = Field(  # type: ignore[valid-type]
        default=None, description="instead of that of the arms"
    )
    priority: int = Field(default=1, ge=1)
    claims: list[str] = []
    optional: bool = Field(default=False, description="cells that the data cannot support become named gaps")

    @model_validator(mode="after")
    def _mixture(self) -> "Block":
        if bool(self.real_share) != (self.budget is not None):
            raise ValueError("real_share and budget belong together")
        if any(not 0 <= share <= 1 for share in self.real_share):
            raise ValueError("real_share lies in [0, 1]")
        if any(not 0 <= dose < 10 for dose in self.dose):
            raise ValueError("dose lies in [0, 10)")
        return self


class Sequential(Strict):
    """Looks at which an arm may be ended because its interval decides (statistics/sequential.py)."""

    looks: list[int] = Field(min_length=1)
    alpha: float = Field(default=0.05, gt=0, lt=1)
    margin: float | None = Field(default=None, gt=0, description="an interval inside +-margin decides, too")
    arms: dict[str, str] = Field(min_length=1, description="arm: the arm it is compared with")

    @model_validator(mode="after")
    def _rise(self) -> "Sequential":
        if self.looks[0] < 2 or sorted(set(self.looks)) != self.looks:
            raise ValueError("looks are rising numbers of draws, the first at least 2")
        return self


class Factors(Strict):
    """Levels that blocks cross by default."""

    generator: list[Name] = []
    method: list[Name] = []
    label_plan: Name = "paired"
    classifier: list[Name] = Field(min_length=1)
    loss: list[Name] = Field(default=["bce"], min_length=1, description="bce, and entries of losses in recipes.yaml")
    training_seeds: int = Field(default=1, ge=1)


class Design(Strict):
    """A whole experiment."""

    name: Name
    title: str
    scale: Literal["smoke", "demo", "reduced", "paper"] | None = Field(
        None, description="what it is meant for; paper takes only models with a pinned revision"
    )
    seed: int = 20260522
    encoder: Name
    inputs: Inputs = Inputs()
    regime: Regime
    factors: Factors
    pool: Pool | None = None
    sequential: Sequential | None = None
    labelling: Labelling = Labelling()
    checks: Checks | None = None
    mask_label_names: bool = Field(default=False, description="embed all texts with the words of label names masked")
    rules: dict[str, float] = {}
    arms: dict[str, Arm]
    blocks: list[Block] = Field(min_length=1)
    cells_per_job: int = Field(default=40, ge=1)
    encoder_cells_per_job: int = Field(default=4, ge=1, description="cells that fine-tune an encoder, in one task")
    threads: int = Field(default=2, ge=1)

    @model_validator(mode="after")
    def _names(self) -> "Design":
        names = [block.name for block in self.blocks]
        if len(set(names)) != len(names):
            raise ValueError("two blocks have the same name")
        for block in self.blocks:
            if (block.draws or 0) > self.regime.draws:
                raise ValueError(f"block {block.name!r} asks for more draws than the regime has")
            for arm in block.arms:
                if arm not in self.arms:
                    raise ValueError(f"block {block.name!r} names the arm {arm!r}, which is not in arms")
                if (self.arms[arm].label_law == "shifted") != bool(block.dose):
                    raise ValueError(f"block {block.name!r}: the arm {arm!r} and dose do not go together")
        if self.sequential is not None:
            foreign = {*self.sequential.arms, *self.sequential.arms.values()} - set(self.arms)
            if foreign:
                raise ValueError(f"sequential names the arm {min(foreign)!r}, which is not in arms")
            if self.sequential.looks[-1] != self.regime.draws:
                raise ValueError("the last look is at the number of draws of the regime")
        if self.factors.generator and self.factors.generator != ["brought"] and self.pool is None:
            raise ValueError("a design with a generator needs a pool section")
        return self


def read_design(path: Path | str) -> Design:
    """Read and validate a design file; the message quotes the YAML path of the first mistakes."""
    raw = read_yaml(path)
    try:
        return Design.model_validate(raw)
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc'])) or 'design'}: {e['msg']}" for e in error.errors()[:5]]
        raise ConfigError(f"{Path(path).name}: " + "; ".join(lines), mend="See docs/own-data.md") from error
