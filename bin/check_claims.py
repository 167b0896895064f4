#!/usr/bin/env python3
"""Give every claim its verdict from the effects of a run."""

from pathlib import Path

from volfid.core.cli import InFile, Job, OutDir, Stub, read_job, run, write_stub


def main(
    job: Job,
    claims: InFile,
    effects: InFile,
    correlations: InFile,
    findings: InFile,
    status: InFile,
    out_dir: OutDir = Path("."),
    stub: Stub = False,
) -> None:
    """Give every claim a verdict: reproduced, deviates, cannot decide, inconsistent as stated, or not run."""
    task = read_job(job)
    if stub:
        return write_stub(out_dir, "claims")
    from volfid.core.manifest import Manifest
    from volfid.core.schemas import CONTRACTS
    from volfid.statistics.claims import check_claims, read_claims

    manifest = Manifest("check_claims.py", task)
    listed = read_claims(claims)
    manifest.read(claims, len(listed))
    found = CONTRACTS["effects"].read(effects)
    related = CONTRACTS["correlations"].read(correlations)
    known = CONTRACTS["findings"].read_object(findings)
    state = CONTRACTS["status"].read_object(status)
    for path, rows in ((effects, len(found)), (correlations, len(related)), (findings, 1), (status, 1)):
        manifest.read(path, rows)
    rows = check_claims(
        listed, found, related, stamped=known["headline"].get("stamp") is not None, missing=len(state["missing"])
    )
    manifest.wrote(CONTRACTS["claims"].write(out_dir, rows), len(rows))
    manifest.write(out_dir)


if __name__ == "__main__":
    run(main)
