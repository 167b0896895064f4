"""What code a stage runs: Nextflow's task hash does not see imported modules, so jobs carry this."""

import hashlib
from pathlib import Path

STAGES: dict[str, tuple[str, ...]] = {
    "regimes": ("sample_regimes.py",),
    "generation": ("generate_text.py",),
    "labelling": ("label_documents.py",),
    "checks": ("check_labels.py",),
    "curation": ("build_corpus.py",),
    "embeddings": ("embed_corpus.py",),
    "training": ("train_heads.py",),
    "encoders": ("train_encoder.py",),
    "fidelity": ("measure_fidelity.py",),
    "retrieval": ("evaluate_retrieval.py",),
    "statistics": (
        "collect_scores.py",
        "estimate_effects.py",
        "check_claims.py",
        "price_uses.py",
        "measure_agreement.py",
    ),
    "report": ("draw_figures.py", "write_report.py"),
}

# Stages whose code lies in the folder of another: asking for labels needs the engines of generation,
# fine-tuning the rows, batches and scores of training.
FOLDERS = {"labelling": "generation", "checks": "generation", "encoders": "training"}


def code_fingerprint(bin_dir: Path, stage: str) -> str:
    """SHA-256 over names and bytes of the commands, `core/` and the stage's own folder.

    Enough because a stage imports nothing else of the package (an import contract holds that).
    """
    package = bin_dir / "volfid"
    files = [bin_dir / name for name in STAGES[stage]]
    files += [
        package / "__init__.py",
        *(package / "core").rglob("*.py"),
        *(package / FOLDERS.get(stage, stage)).rglob("*.py"),
    ]
    digest = hashlib.sha256()
    for path in sorted(set(files), key=lambda p: p.relative_to(bin_dir).as_posix()):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(bin_dir).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()
