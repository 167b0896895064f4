"""Which code page the bytes of a file that is not UTF-8 can be: one where that is near certain, else the few that fit.

Almost any bytes are text of some sort in every code page of one byte a letter, so that a guess is not a mend: a wrong
one gives letters of another alphabet, which nothing notices later.
"""

import codecs
import unicodedata

MOST = 4
MARGIN = 0.15  # code pages this much worse than the best one are named, too
_LANGUAGES = tuple(
    frozenset(letters + letters.upper())
    for letters in (
        "äöüßéè", "àâæçéèêëîïôœùûüÿ", "áéíñóúüªº", "áâãàçéêíóôõúªº", "àèéìíîòóùú", "åäöéü", "æøåéä", "ëïéèöüçá",
    )
)  # fmt: skip
_MOSTLY = 0.98
# codec, name for iconv
_SINGLE = (
    ("cp1252", "WINDOWS-1252"), ("cp1250", "WINDOWS-1250"), ("cp1251", "WINDOWS-1251"), ("koi8_r", "KOI8-R"),
    ("cp1253", "WINDOWS-1253"), ("cp1254", "WINDOWS-1254"), ("mac_roman", "MACINTOSH"), ("cp850", "CP850"),
    ("cp852", "CP852"), ("cp866", "CP866"), ("cp1255", "WINDOWS-1255"), ("cp1256", "WINDOWS-1256"),
    ("cp1257", "WINDOWS-1257"), ("iso8859_2", "ISO-8859-2"), ("iso8859_5", "ISO-8859-5"),
)  # fmt: skip
# codec, name for iconv, first bytes of the usual letters
_DOUBLE = (
    ("gb18030", "GB18030", ((0xA1, 0xA3), (0xB0, 0xD7))),
    ("big5", "BIG5", ((0xA1, 0xC6),)),
    ("shift_jis", "SHIFT_JIS", ((0x81, 0x83), (0x88, 0x97))),
    ("euc_jp", "EUC-JP", ((0xA1, 0xA5), (0xB0, 0xCF))),
    ("cp949", "CP949", ((0xA1, 0xA3), (0xB0, 0xC8))),
)


def code_pages(sample: bytes) -> tuple[str, ...]:
    """Names for iconv of the code pages that fit bytes which are no UTF-8: one alone where it is near certain (Western
    letters), else at most four, the likeliest first; none where nothing fits."""
    western = _western(sample)
    if western:
        return (western,)
    found = []
    for codec, name in _SINGLE:
        text = _decoded(sample, codec)
        if text is not None:
            found.append((_oddness(text), name))
    for codec, name, usual in _DOUBLE:
        text = _decoded(sample, codec)
        if text is not None:
            found.append((_rare(text, codec, usual), name))
    # the order of the lists decides between equals: the sort is stable
    found.sort(key=lambda pair: round(pair[0], 2))
    names = [name for odd, name in found if odd <= found[0][0] + MARGIN][:MOST]
    return tuple(names if len(names) > 1 else (name for _, name in found[:2]))


def _decoded(sample: bytes, codec: str) -> str | None:
    """A sample, which may end in the middle of a letter, as text, or None."""
    try:
        return codecs.getincrementaldecoder(codec)().decode(sample)
    except UnicodeDecodeError:
        return None


def _western(sample: bytes) -> str | None:
    """Windows-1252, or Latin-1 where no byte tells them apart, if the letters are those of one Western language and
    the other signs stand where such signs stand."""
    text = _decoded(sample, "cp1252")
    if text is None:
        return None
    high = [place for place, letter in enumerate(text) if letter > "\x7f"]
    letters = [place for place in high if text[place].isalpha()]
    if len(high) > 0.3 * sum(map(str.isalpha, text)) or _oddness(text) > 1 - _MOSTLY:
        return None
    most = max((sum(text[place] in known for place in letters) for known in _LANGUAGES), default=0)
    if most < _MOSTLY * len(letters):
        return None
    return "WINDOWS-1252" if any(0x80 <= byte < 0xA0 for byte in sample) else "ISO-8859-1"


def _oddness(text: str) -> float:
    """The share of the letters and signs beyond ASCII that stand where no text has them, and a little for capitals."""
    high = [place for place, letter in enumerate(text) if letter > "\x7f"]
    padded = f" {text} "
    odd = sum(_odd(padded[place], padded[place + 1], padded[place + 2]) for place in high)
    capitals = sum(text[place].isupper() for place in high)
    return (odd + 0.1 * capitals) / max(len(high), 1)


def _odd(before: str, sign: str, after: str) -> bool:
    category = unicodedata.category(sign)
    if category[0] == "C" or "\u2500" <= sign <= "\u259f":  # controls, letters of nobody, boxes
        return sign != "\xad"
    if not sign.isalpha():
        inside = before.isalpha() and after.isalpha()
        opens = category in ("Ps", "Pi") and before.isalpha()
        return (inside and sign not in "\u2019\u2013\u2014\xb7") or opens or category == "Sk"
    latin = _latin(sign)
    if before.isalpha() and (_latin(before) != latin or (sign.isupper() and before.islower())):
        return True
    return latin and min(before, after) > "\x7f" and before.isalpha() and after.isalpha()


def _latin(letter: str) -> bool:
    return letter < "\u0250"


def _rare(text: str, codec: str, usual: tuple[tuple[int, int], ...]) -> float:
    """The share of the letters beyond ASCII whose first byte is not among the usual ones."""
    first = [letter.encode(codec)[0] for letter in text if letter > "\x7f"]
    return sum(not any(low <= byte <= top for low, top in usual) for byte in first) / max(len(first), 1)
