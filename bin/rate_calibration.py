#!/usr/bin/env python3
"""Turn the scores of one world's draws into rates: coverage, errors, power, attribution."""

from pathlib import Path

from volfid.core.cli import InFiles, OutDir, Stub, run, write_stub


def main(scores: InFiles, out_dir: OutDir = Path("."), stub: Stub = False) -> None:
    """Turn the scores of one world's draws (one classifier, all chunks) into rates with binomial intervals."""
    if stub:
        return write_stub(out_dir, "calibration", "confusion")
    from volfid.calibration.catalogue import world
    from volfid.calibration.experiments import collect
    from volfid.calibration.measure import measure
    from volfid.core.exits import DataError
    from volfid.core.manifest import Manifest
    from volfid.core.schemas import CONTRACTS

    manifest = Manifest("rate_calibration.py")
    columns: dict[str, list] = {}
    for path in scores:
        table = CONTRACTS["calibration_scores"].read_table(path)
        manifest.read(path, table.num_rows)
        for name in table.column_names:
            columns.setdefault(name, []).extend(table[name].to_pylist())
    places = sorted(set(zip(columns["world"], columns["classifier"], strict=True)))
    if len(places) != 1:
        raise DataError(f"the scores are of {len(places)} worlds and classifiers", mend="Give those of one")
    rates, named = measure(collect(world(places[0][0]), places[0][1], columns))
    manifest.wrote(CONTRACTS["calibration"].write(out_dir, rates), len(rates))
    manifest.wrote(CONTRACTS["confusion"].write(out_dir, named), len(named))
    manifest.write(out_dir)


if __name__ == "__main__":
    run(main)
