"""Parts that the patterns of models' phrases share."""

BEGINNING = 400  # characters in which a text shows what it is
MAKE = (
    "(?:(?:writ|generat|provid|creat|produc|compos|draft|craft|invent|paraphras|rewrit|rephras|describ|summari[sz]"
    "|output|fabricat)(?:e|es|ing)?|com(?:e|ing) up with)"
)


def any_of(*alternatives: str) -> str:
    """One pattern that fits where one of these does."""
    return f"(?:{'|'.join(alternatives)})"


def beginning(text: str) -> str:
    """Where a text shows what it is, with plain apostrophes."""
    return text[:BEGINNING].replace("’", "'").replace("‘", "'").strip()
