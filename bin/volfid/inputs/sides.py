"""A second file whose rows are the test side."""

from dataclasses import replace

from volfid.core.exits import DataError, ParameterError
from volfid.inputs.made_ids import make_ids
from volfid.inputs.records import Records


def with_test_rows(real: Records, test: Records) -> list[str]:
    """Put the rows of `test` behind those of `real`, as its test side; all other rows are train where `real` has no
    split of its own. Returns what to say.

    Both come without made ids: they are made here, of all rows together. ParameterError when `real` has a test side,
    DataError when `test` names another side.
    """
    given = {row.split for row in real.rows}
    if "test" in given:
        mend = "Give one of them: leave out --test, or the test rows of that file"
        raise ParameterError(f"{real.file} has a test side of its own, and --test {test.file} was given", mend=mend)
    other = next((row for row in test.rows if row.split not in (None, "test")), None)
    if other is not None:
        message = f"{other.file}, row {other.row}: the split is {other.split!r} in the file of --test"
        raise DataError(message, mend="Leave test rows alone in it, or give the file as --input without --test")
    files = {row.file for row in real.rows} | {fault.file for fault in real.faults}
    for row in test.rows:
        if row.file in files:  # rows are known by file and number
            row.file = f"--test {row.file}"
    for found in (test.faults, *test.met.values()):
        found[:] = [replace(f, file=f"--test {f.file}") if f.file in files else f for f in found]
    for row in real.rows:
        row.split = row.split or "train"
    for row in test.rows:
        row.split = "test"
    told = f"the test side is {test.file} ({len(test.rows)} rows)"
    own, real.rows = real.rows, [*real.rows, *test.rows]
    real.faults += test.faults
    for policy, met in test.met.items():
        real.met[policy] = [*real.met.get(policy, ()), *met]
    real.warnings += [note for note in test.warnings if note not in real.warnings]
    real.fields = {**test.fields, **real.fields}
    both = ((real.file, own), (test.file, test.rows))
    without = [file for file, records in both if any(not row.doc_id for row in records)]
    return [told, *make_ids(real.rows, "doc-", " and ".join(without))]
