"""Files whose rows are sides of the split: a second file as the test side, and ids that count from 0 in each."""

from dataclasses import replace

from volfid.core.exits import DataError, ParameterError
from volfid.inputs.duplicates import id_key
from volfid.inputs.faults import told as said
from volfid.inputs.made_ids import make_ids
from volfid.inputs.records import Record, Records


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
    told_ids = part_ids(real)
    without = [file for file, records in both if any(not row.doc_id for row in records)]
    return [told, *told_ids, *make_ids(real.rows, "doc-", " and ".join(without))]


def part_ids(found: Records) -> list[str]:
    """Begin every id with its side ('train:0', 'test:0') where files of several sides give one id to different texts,
    as files whose rows are counted from 0 do. Returns what to say."""
    first: dict[str, Record] = {}
    clashes = 0
    example = ""
    for row in found.rows:
        if not (row.doc_id and row.split):
            continue
        other = first.setdefault(id_key(row.doc_id), row)
        if other.file != row.file and other.split != row.split and other.text.casefold() != row.text.casefold():
            clashes += 1
            example = example or f"{row.split}:{row.doc_id}"
    if not clashes:
        return []
    for row in found.rows:
        if row.doc_id and row.split:
            own, row.doc_id = row.doc_id, f"{row.split}:{row.doc_id}"[:300]
            if row.split == "train":
                found.renamed[own] = row.doc_id
    return [
        f"{clashes} ids stand in files of several sides with different texts; every id now begins with its side, as in "
        f"{said(example, name=True)}. Where an id is to mean one document in all files, mend the files"
    ]
