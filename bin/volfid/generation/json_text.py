"""The text in an answer that is JSON, or what Python prints of a mapping."""

import ast
import json
from typing import Any

_KEYS = (
    "text", "abstract", "document", "doc", "content", "paraphrase", "rewritten_text", "rewritten", "answer", "output",
    "response", "result", "description", "summary", "patent_abstract",
)  # fmt: skip


def json_text(text: str) -> str | None:
    """The text in {"text": ...} or {"abstract": ...}, in a list of one, or in an object within; None without one."""
    text = text.strip()
    if text[:1] not in ("{", "["):
        return None
    try:
        value, _ = json.JSONDecoder(strict=False).raw_decode(text)
    except RecursionError:
        return None
    except json.JSONDecodeError:
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            return None
    return _text_in(value, 4)


def _text_in(value: Any, depth: int) -> str | None:
    if isinstance(value, str) or not depth:
        return value if isinstance(value, str) else None
    if isinstance(value, list):
        return _text_in(value[0], depth - 1) if len(value) == 1 else None
    if isinstance(value, dict):
        low = {str(key).strip().lower().replace(" ", "_"): one for key, one in value.items()}
        key = next((name for name in _KEYS if name in low), None)
        return None if key is None or isinstance(low[key], list) else _text_in(low[key], depth - 1)
    return None


def unescaped(text: str) -> str:
    """A text that stood in a JSON string, with its escapes read; as it is where they cannot be."""
    try:
        return str(json.loads(f'"{text}"', strict=False))
    except json.JSONDecodeError:
        return text
