"""Titles and headings above a document: "Abstract:", a line in capitals, a role, the number of a list of one."""

import re

from volfid.core.word_count import word_count

_KINDS = r"(?:abstract|title|summary|text|document)"
_HEADING = re.compile(
    rf"^(?:#+\s*|\*\*)?(?:(?:patent\s+)?{_KINDS}|(?:final\s+)?(?:answer|output|response)"
    r"|(?:rewritten|paraphrased|revised)\s+(?:abstract|version|text)|paraphrase)"
    r"\s*(?:\*\*)?(?:\s*:|\s+[-–—]\s)\s*(?:\*\*)?(?:[|>]-?\s*\n)?\s*",
    re.IGNORECASE,
)
# what stands before a text as a role or a mark of a quotation or list, and a title in capitals above it
_ROLE = re.compile(
    r"^(?:(?:assistant|model)\s*(?::|\n)|\[(?:abstract|text|document|summary)\]:?|>\s|[-•]\s(?![^\n]*\n\s*[-•]\s))\s*",
    re.IGNORECASE,
)
_TITLE = re.compile(r"^(?:(?:[A-Z][\w-]*|a|an|and|for|in|of|on|the|to|with)[ \t]?){1,12}\n\s*\n\s*(?=\S)")
_OTHER_HEADING = re.compile(
    r"^\**\s*(?:[【\[]?(?:专利)?(?:摘要|要約|正文|文本)[】\]]?\s*\**\s*[：:]"
    r"|(?:zusammenfassung|kurzfassung|resumen|résumé|antwort|respuesta|réponse)\s*\**\s*:)\s*\**\s*",
    re.IGNORECASE,
)
# what names the genre before a text that nothing encloses, and a number where no list follows
_GENRE_HEADING = re.compile(
    r"^(?:\**(?:(?:my|final|the) (?:answer|text|response|abstract)|(?:product |hotel |customer )?review"
    r"|(?:support )?ticket|(?:clinical|medical) note|(?:final |first )?draft|news(?: item| article)?|article"
    r"|paragraph)\s*\**\s*:\s*\**\s*(?=\S)"
    r"|1[.)]\s+(?!.*(?:\s|^)2[.)]\s))",
    re.IGNORECASE | re.DOTALL,
)
# a line that is a title, and then text
_TITLE_LINE = re.compile(r"^(?:#{1,6}[ \t]+[^\n]+|\*\*[^*\n]+\*\*:?|__[^_\n]+__:?|title\s*:[^\n]*)\s*\n\s*(?=\S)", re.I)
_SETEXT = re.compile(r"^(?:[^\n]{1,160}\n={3,}|-{3,}|\*{3,})\s*\n\s*(?=\S)")
_TITLE_THEN_KIND = re.compile(
    rf"^[^\n.]{{1,160}}\n\s*(?:#+\s*|\*\*)?(?:patent\s+)?(?:{_KINDS}|description)\s*(?:\*\*)?\s*:(?:\*\*)?\s*", re.I
)


def below_title(text: str, least: int) -> str | None:
    """What stands below a title; None without one. It has at least as many words as the title, and `least`."""
    for pattern in (_TITLE_THEN_KIND, _SETEXT, _TITLE_LINE, _TITLE):
        match = pattern.match(text)
        if match and word_count(text[match.end() :]) >= max(word_count(match.group()), least):
            return text[match.end() :]
    return None


def without_heading(text: str, bare: bool) -> str:
    """A text without what names it ("Abstract:"). bare: nothing enclosed it, so that its genre may stand there, too."""
    for pattern in (_HEADING, _OTHER_HEADING, _ROLE, *((_GENRE_HEADING,) if bare else ())):
        text = pattern.sub("", text, count=1)
    return text
