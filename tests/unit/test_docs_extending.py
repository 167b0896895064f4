"""docs/extending.md, followed: its pieces are put where it says. docs/own-data.md: every key is explained."""

import re
from pathlib import Path

import pytest
import yaml
from test_plan import corpus, plan

from volfid.core.exits import ConfigError
from volfid.generation.prompts import load_template, render
from volfid.inputs.models import read_models
from volfid.plan.design import Arm, Block, Design, Factors, Inputs, Pool, Regime, Sequential
from volfid.plan.planner import read_methods
from volfid.statistics.claims import check_claims, read_claims

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/extending.md").read_text(encoding="utf-8")
PARAMS = ROOT / "params"


def piece(place: str) -> str:
    """The fenced YAML of the page whose first line names `place`."""
    found = [text for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.S) if text.startswith(f"# {place}")]
    assert len(found) == 1, f"{len(found)} pieces for {place}"
    return found[0]


def load(place: str) -> dict:
    return yaml.safe_load(piece(place))


@pytest.fixture
def models(tmp_path):
    """params/models.yaml with the generator and the encoder of the page."""
    made = yaml.safe_load((PARAMS / "models.yaml").read_text())
    for section in ("generators", "encoders"):
        made[section] |= load(f"params/models.yaml: {section}")
    (tmp_path / "models.yaml").write_text(yaml.safe_dump(made))
    assert {"my_generator", "my_encoder"} <= read_models(tmp_path / "models.yaml").keys()
    return made


def jobs(made, stage: str) -> list[dict]:
    return [job for job in made.jobs if job["stage"] == stage]


def test_the_design_of_the_page_is_planned():
    made = plan(load("my.yaml"), corpus(train=120))
    assert {cell["arm"] for cell in made.cells} == {"Rt", "St"}
    assert [job["model"] for job in jobs(made, "generation")] == ["smollm2_135m"]
    assert {cell["regime"] for cell in made.cells if cell["arm"] == "Rt"} == {32, 48, 96}


def test_a_generator_and_an_encoder_are_entries_and_a_name_in_the_design(models):
    design = load("my.yaml") | {"encoder": "my_encoder"}
    design["factors"]["generator"] = ["my_generator"]
    made = plan(design, corpus(train=120), models=models)
    (job,) = jobs(made, "generation")
    assert job["settings"]["engine"] == {"name": "my_generator", **models["generators"]["my_generator"]}
    assert {job["settings"]["encoder"]["pooling"] for job in jobs(made, "embeddings")} == {"cls"}
    models["generators"]["my_generator"]["revision"] = None
    with pytest.raises(ConfigError, match="my_generator"):
        plan(design, corpus(train=120), models=models)


def test_a_method_is_a_folder_with_a_template(tmp_path):
    folder = tmp_path / "my_method"
    folder.mkdir()
    (folder / "template.yaml").write_text(piece("params/prompts/my_method/template.yaml"))
    template = load_template(folder / "template.yaml")
    prompt = render(template, {"parent": "A pump.", "words_low": "12", "words_high": "60"})
    assert "<doc>A pump.</doc>" in prompt.text and "12 to 60 words" in prompt.text
    design = load("my.yaml")
    design["factors"]["method"] = ["my_method"]
    design["pool"]["sampling"] = {"my_method": {"temperature": 0.7, "top_p": 1.0, "max_tokens": 120}}
    made = plan(design, corpus(train=120), methods=read_methods(PARAMS / "prompts") | read_methods(tmp_path))
    assert {cell["method"] for cell in made.cells} == {None, "my_method"}


def test_a_loss_is_an_entry_and_a_name_in_the_design():
    from volfid.training.losses import read_loss

    recipes = yaml.safe_load((PARAMS / "recipes.yaml").read_text())
    recipes["losses"] |= load("params/recipes.yaml: losses")
    assert read_loss(recipes["losses"]["my_focal"]).kind.gamma == 1.0
    design = load("my.yaml")
    design["factors"] |= {"loss": ["bce", "my_focal"], "classifier": ["mlp"]}
    made = plan(design, corpus(train=120), recipes=recipes)
    assert {cell["loss"] for cell in made.cells} == {"bce", "my_focal"}


def test_a_claim_is_judged_by_its_checks(tmp_path):
    written = yaml.safe_load((PARAMS / "claims.yaml").read_text())
    written["claims"] |= load("params/claims.yaml: claims")
    (tmp_path / "claims.yaml").write_text(yaml.safe_dump(written))
    claims = read_claims(tmp_path / "claims.yaml")
    row = {
        "effect": "worth_further_documents", "contrast": "N with Rt(N) = St, minus n", "metric": "ap_micro",
        "threshold": "none", "classifier": "linear", "generator": "g", "method": "m", "regime": 48, "estimate": 20.0,
        "ci_low": 5.0, "ci_high": 40.0, "verdict": "positive", "n": 5, "note": None, "p_adjusted": 0.01,
    }  # fmt: skip
    own = {"C99": claims["C99"]}
    assert check_claims(own, [row], [], False, 0)[0]["verdict"] == "reproduced"
    assert check_claims(own, [row | {"verdict": "negative"}], [], False, 0)[0]["verdict"] == "deviates"
    design = load("my.yaml")
    design["blocks"][0]["claims"] = ["C99"]
    assert plan(design, corpus(train=120), claims=claims and written).record["protocol"]["claims_fed"]["C99"]


def test_every_key_of_a_design_is_explained():
    page = (ROOT / "docs/own-data.md").read_text(encoding="utf-8")
    table = page[page.index("## Design") :]
    for name in Design.model_fields:
        assert f"`{name}`" in table, f"docs/own-data.md does not explain {name}"
    for section in (Inputs, Regime, Factors, Pool, Sequential, Arm, Block):
        for name in section.model_fields:
            assert f"`{name}`" in page or f"{name}:" in page, f"docs/own-data.md does not explain {name}"


def test_every_file_and_name_that_the_page_points_to_is_there():
    files = set(re.findall(r"`((?:bin|params|tests|tools)/[\w./]+\.\w+)`", PAGE)) - {
        "params/prompts/my_method/template.yaml"
    }
    assert len(files) >= 15
    for name in files:
        assert (ROOT / name).is_file(), name
    named = re.findall(r"`([\w.]+)`,? (?:of|in) `((?:bin|params)/[\w./]+)`", PAGE)
    assert len(named) >= 10
    for name, file in named:
        text = (ROOT / file).read_text(encoding="utf-8")
        for part in name.split("."):
            assert re.search(rf"\b{part}\b", text), f"{file} has no {part}"
