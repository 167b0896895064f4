"""The smoke study by its commands alone, on plain files, without Nextflow."""

import json
import subprocess
import sys
from pathlib import Path

import yaml

from helpers.tiny_encoder import make_encoder, words_of

ROOT = Path(__file__).parents[2]
BIN = ROOT / "bin"


def call(name: str, *arguments: object, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    """Run one command as a user would; never raises."""
    import os

    return subprocess.run(
        [sys.executable, str(BIN / f"{name}.py"), *map(str, arguments)],
        cwd=cwd, env={**os.environ, "OMP_NUM_THREADS": "1", **env}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def repeat(option: str, values: list[Path]) -> list[object]:
    return [part for value in values for part in (f"--{option}", value)]


class Chain:
    """Every command with the arguments of the workflow; `folders` maps a command to its outputs."""

    def __init__(self, folder: Path, design: dict):
        self.folder = folder
        self.calls: dict[str, list[tuple[str, list[object], Path]]] = {}
        self.design = folder / "design.yaml"
        self.design.write_text(yaml.safe_dump(design))

    def run(self, name: str, part: str, *arguments: object) -> Path:
        """Run a command into a folder of its own; a failure ends the test with its message."""
        out = self.folder / name / part
        full = [*arguments, "--out-dir", out]
        self.calls.setdefault(name, []).append((part, full, out))
        done = call(name, *full)
        assert done.returncode == 0, f"{name} {part}: {done.stderr[-3000:]}"
        return out

    def jobs(self, stage: str) -> list[tuple[dict, Path]]:
        return [(json.loads(p.read_text()), p) for p in sorted((self.plan / "jobs" / stage).glob("*.json"))]

    @staticmethod
    def part(corpus: Path, job: dict) -> Path:
        """Where the draw of a job lies, the whole corpus where it has several or none."""
        draws = {item["draw"] for item in job["items"]} | {job["settings"].get("draw")} - {None}
        return corpus / f"draws/d{draws.pop():02d}" if len(draws) == 1 else corpus

    def all(self) -> "Chain":
        """The whole study."""
        inputs = self.run("prepare_documents", "x", "--input", "fixture", "--design", self.design)
        documents, labels = inputs / "documents.jsonl", inputs / "labels.json"
        pair = ["--documents", documents, "--labels", labels]
        params = ROOT / "params"
        models, recipes = self.with_tiny_encoder(documents)
        self.plan = self.run(
            "plan_experiments", "x", "--design", self.design, "--labels", labels, "--corpus", inputs / "corpus.json",
            "--documents", documents, "--models", models, "--recipes", recipes,
            "--claims", params / "claims.yaml", "--prompts", params / "prompts",
        )  # fmt: skip
        regimes = repeat("regimes", [
            self.run("sample_regimes", job["job_id"], "--job", path, *pair) / "regimes.jsonl"
            for job, path in self.jobs("regimes")
        ])  # fmt: skip
        generated = {
            job["settings"]["source"]: self.run(
                "generate_text", job["job_id"], "--job", path, *pair, *regimes, "--prompts", params / "prompts"
            )
            for job, path in self.jobs("generation")
        }
        answered = {
            job["settings"]["source"]: self.run(
                "label_documents", job["job_id"], "--job", path, *pair, *regimes, "--prompts", params / "prompts"
            )
            for job, path in self.jobs("labelling")
        }
        corpora = {}
        for job, path in self.jobs("curation"):
            source = job["settings"]["source"]
            texts = ["--generations", generated[source] / "generations.jsonl"] if source in generated else []
            corpora[source] = self.run("build_corpus", job["job_id"], "--job", path, *pair, *regimes, *texts)
        checked = [
            self.run(
                "check_labels", job["job_id"], "--job", path, *pair, "--prompts", params / "prompts",
                *([] if job["settings"]["source"] == "real" else
                  ["--synthetic", corpora[job["settings"]["source"]] / "synthetic.jsonl"]),
            )
            for job, path in self.jobs("checks")
        ]  # fmt: skip
        stores = {}
        for job, path in self.jobs("embeddings"):
            source = job["settings"]["source"]
            part = self.part(corpora[source], job)
            texts = ["--synthetic", part / "synthetic.jsonl"] if source != "real" else []
            stores[(source, part.name) if texts else "real"] = self.run(
                "embed_corpus", job["job_id"], "--job", path, "--documents", documents, *texts
            )
        trained = []
        for job, path in self.jobs("training"):
            source = job["settings"]["source"]
            part = self.part(corpora[source], job)
            own = [stores[source, part.name]] if source != "real" else []
            vectors = repeat("embeddings", [stores["real"], *own])
            sets = ["--trainsets", part / "trainsets.jsonl"]
            asked = ["--answers", answered[job["model"]] / "answers.parquet"] if job["model"] else []
            trained.append(
                self.run("train_heads", job["job_id"], "--job", path, *pair, *regimes, *sets, *vectors, *asked)
            )
        for job, path in self.jobs("encoders"):
            corpus = self.part(corpora[job["settings"]["source"]], job)
            texts = ["--trainsets", corpus / "trainsets.jsonl", "--synthetic", corpus / "synthetic.jsonl"]
            folder = ["--model-dir", self.folder]
            trained.append(self.run("train_encoder", job["job_id"], "--job", path, *pair, *regimes, *texts, *folder))
        every = [
            *pair, *repeat("trainsets", [c / "trainsets.jsonl" for c in corpora.values()]),
            *repeat("synthetic", [c / "synthetic.jsonl" for c in corpora.values()]),
            *repeat("embeddings", list(stores.values())),
        ]  # fmt: skip
        fidelity = self.run("measure_fidelity", "x", "--job", self.jobs("fidelity")[0][1], *every)
        retrieval = self.run("evaluate_retrieval", "x", "--job", self.jobs("retrieval")[0][1], *every)
        cells, plan = ["--cells", self.plan / "cells.jsonl"], ["--plan", self.plan / "plan.json"]
        job = ["--job", self.jobs("statistics")[0][1]]
        collected = self.run(
            "collect_scores", "x", *job, *cells, *repeat("scores", [t / "scores.parquet" for t in trained]),
            *repeat("counts", [t / "counts.parquet" for t in trained]),
            *repeat("gaps", [t / "gaps.jsonl" for t in [*trained, *corpora.values()]]),
        )  # fmt: skip
        tables = ["--fidelity", fidelity / "fidelity.parquet", "--retrieval", retrieval / "retrieval.parquet"]
        counts = ["--counts", collected / "counts.parquet"]
        scores, status = ["--scores", collected / "scores.parquet"], ["--status", collected / "status.json"]
        corpus = ["--corpus", inputs / "corpus.json"]
        claims = ["--claims", params / "claims.yaml"]
        effects = self.run(
            "estimate_effects", "x", *job, *cells, *plan, *corpus, *scores, *counts, *status, *tables, *claims
        )
        found = [
            "--effects", effects / "effects.parquet", "--correlations", effects / "correlations.parquet",
            "--findings", effects / "findings.json",
        ]  # fmt: skip
        claims = self.run("check_claims", "x", *job, *claims, *found, *status)
        made = repeat("generations", [path / "generations.jsonl" for path in generated.values()])
        uses = self.run("price_uses", "x", *job, *cells, *plan, *scores, *made, "--price-per-million-tokens", 0.5)
        votes = repeat("checks", [path / "label_checks.parquet" for path in checked])
        agreed = self.run("measure_agreement", "x", *job, *votes)
        job = ["--job", self.jobs("report")[0][1]]
        figures = self.run("draw_figures", "x", *job, *cells, *plan, *corpus, *found, *tables, *scores)
        manifests = sorted(self.folder.glob("*/*/manifest.json"))
        self.run(
            "write_report", "x", *job, *cells, *plan, *corpus, "--labels", labels, "--funnel", inputs / "funnel.json",
            "--rejects", inputs / "rejects.jsonl", *scores, *found, "--claims", claims / "claims.json", *status,
            "--gaps", collected / "gaps.jsonl", *tables, "--keywords", fidelity / "keywords.parquet",
            "--leaks", fidelity / "leaks.parquet", "--agreement", agreed / "agreement.parquet",
            "--retrieval-tests", retrieval / "retrieval_tests.parquet",
            "--retrieval-filters", retrieval / "retrieval_filters.parquet",
            "--uses", uses / "uses.json", "--figures", figures / "figures", "--prompts", params / "prompts", *regimes,
            *repeat("waterfall", [c / "waterfall.jsonl" for c in corpora.values()]), *repeat("manifests", manifests),
        )  # fmt: skip
        self.calibration()
        return self

    def with_tiny_encoder(self, documents: Path) -> tuple[Path, Path]:
        """Models and recipes of the project with an encoder of random weights that knows the corpus' words."""
        texts = [json.loads(line)["text"] for line in documents.read_text().splitlines()]
        entry = make_encoder(self.folder, words_of(texts))
        models = yaml.safe_load((ROOT / "params/models.yaml").read_text())
        models["encoders"][entry["name"]] = entry
        recipes = yaml.safe_load((ROOT / "params/recipes.yaml").read_text())
        recipes["encoder"] |= {"model": entry["name"], "max_tokens": 32, "epochs": 1}
        for name, content in (("models", models), ("recipes", recipes)):
            (self.folder / f"{name}.yaml").write_text(yaml.safe_dump(content))
        return self.folder / "models.yaml", self.folder / "recipes.yaml"

    def calibration(self) -> None:
        """The calibration of one world, in two chunks; it needs no job and no documents."""
        world = ["--world", "null", "--classifier", "linear", "--draws", 20]
        parts = [self.run("calibrate_instrument", str(first), *world, "--first", first) for first in (0, 20)]
        scores = repeat("scores", [part / "calibration_scores.parquet" for part in parts])
        rated = self.run("rate_calibration", "x", *scores)
        self.run(
            "collect_calibration", "x", "--calibration", rated / "calibration.parquet", "--confusion",
            rated / "confusion.parquet", *repeat("manifests", [part / "manifest.json" for part in [*parts, rated]]),
            "--commit", "abc1234",
        )  # fmt: skip
