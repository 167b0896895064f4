"""Labels that are numbers, where the label list has names alone: the number is the place in the list."""

from collections.abc import Mapping, Sequence

from volfid.core.cells import whole, whole_number
from volfid.core.exits import DataError
from volfid.inputs.faults import shown
from volfid.inputs.labels import LabelName
from volfid.inputs.records import Records


def names_by_place(
    found: Records, names: Mapping[str, LabelName] | None, listed_in: str
) -> dict[str, LabelName] | None:
    """The label list under which the records have labels of it; numbers become the names at their places.

    This is done where the list holds names alone, none of them a number, and every label of the records is one. The
    first place is 0 where a record has 0, and 1 where one has the length of the list; DataError where neither is seen,
    for nobody can tell.
    """
    if names is None or any(about != LabelName() for about in names.values()) or any(map(whole_number, names)):
        return None if names is None else dict(names)
    used = {label for record in found.rows for label in record.labels}
    if not used or not all(map(whole_number, used)):
        return dict(names)
    places = sorted(int(whole(label)) for label in used)
    listed = list(names)
    begin = 0 if places[0] == 0 else 1
    if places[0] < 0 or places[-1] >= len(listed) + begin:
        return dict(names)  # told as unknown labels
    if begin and places[-1] < len(listed):
        raise DataError(
            f"the labels are numbers from {places[0]} to {places[-1]}, and {listed_in} has {len(listed)} names without "
            "numbers: whether they count from 0 or from 1 cannot be seen",
            mend=f"Write {{label: name}} into {listed_in}",
        )
    _rename(found, listed, begin)
    found.warnings.append(
        f"the labels are numbers, and {listed_in} has names alone: {begin} was read as {shown(listed[0])}, the first "
        f"of them, and {places[-1]} as {shown(listed[places[-1] - begin])}"
    )
    return {label: LabelName(name=label) for label in listed}


def _rename(found: Records, listed: Sequence[str], begin: int) -> None:
    for record in found.rows:
        record.labels = tuple(sorted({listed[int(whole(label)) - begin] for label in record.labels}))
