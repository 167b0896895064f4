"""Parquet files as a stream of numbered rows, whatever types their columns have."""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from volfid.core.exits import DataError, InputMissingError
from volfid.inputs.readers import Row, unpacked

_MADE_AGAIN = "Copy or make the file again"
_BATCH = 4096


def parquet_file(part: Path) -> pq.ParquetFile:
    """The opened file; DataError when it is no Parquet."""
    if not part.is_file():
        raise InputMissingError(f"input file {part.name} does not exist", mend="Check the path")
    try:
        return pq.ParquetFile(unpacked(part))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{part.name} is not a readable Parquet file: {error}", mend=_MADE_AGAIN) from error


def parquet_rows(part: Path, wanted: Sequence[str] | None) -> Iterator[tuple[str, int, Row]]:
    """(file, position from 1, cells by column): bytes as text, whole decimals as integers, dates as dates."""
    number = 0
    with parquet_file(part) as file:
        schema = file.schema_arrow
        names = list(wanted) if wanted else None
        plain = {field.name: make for field in schema if (make := _plain(field.type)) is not None}
        try:
            for batch in file.iter_batches(_BATCH, columns=names):
                for row in _exact_times(batch).to_pylist():
                    number += 1
                    for column in plain:
                        if column in row:
                            row[column] = plain[column](row[column])
                    yield part.name, number, row
        except (pa.ArrowException, OSError, ValueError) as error:
            message = f"{part.name}, row {number + 1}: not readable Parquet: {error}"
            raise DataError(message, mend=_MADE_AGAIN) from error


def _exact_times(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Times in microseconds: Python has no nanoseconds, and a date needs none."""
    for place, field in enumerate(batch.schema):
        if pa.types.is_timestamp(field.type) and field.type.unit == "ns":
            times = batch.column(place).cast(pa.timestamp("us", field.type.tz), safe=False)
            batch = batch.set_column(place, field.name, times)
    return batch


def _plain(kind: pa.DataType) -> Callable[[Any], Any] | None:
    """What makes text and numbers of the cells of a column of this type; None where they are that already."""
    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        inner = _plain(kind.value_type)
        return None if inner is None else lambda cell: cell if cell is None else [inner(item) for item in cell]
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return _text
    return _whole if pa.types.is_decimal(kind) else None


def _text(cell: Any) -> Any:
    """Bytes as the text that they are in UTF-8; the bytes themselves where they are none."""
    if not isinstance(cell, bytes):
        return cell
    try:
        return cell.decode("utf-8")
    except UnicodeDecodeError:
        return cell


def _whole(cell: Any) -> Any:
    """A decimal without a fraction as an integer."""
    return int(cell) if isinstance(cell, Decimal) and cell == cell.to_integral_value() else cell
