"""Easy data augmentation (Wei and Zou 2019): synonyms, insertions, swaps and deletions of words.

One operation makes one text. alpha is the share of words that it touches: n = max(1, floor(alpha * words)), and the
probability of a deletion. `eda` is the published form: lower case, letters alone. `eda_patent` works on the words as
they stand; numerals, reference signs and units keep their form, number and order.

Differs from the published code in two things: synonyms are sorted, and an inserted word is drawn among all synonyms of
a word, where that code takes whichever a Python set gives first.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

Synonyms = Callable[[str], Sequence[str]]
OPERATIONS = ("synonyms", "insertion", "swap", "deletion")
INSERT_TRIES, SWAP_TRIES = 10, 3
# Words without content of their own: they are never replaced by a synonym.
FUNCTION_WORDS = frozenset(
    " ".join((
        "a an the this that these those such some any each every both either neither all no none other another same",
        "i me my mine myself we us our ours ourselves you your yours yourself yourselves he him his himself she her",
        "hers herself it its itself they them their theirs themselves who whom whose which what",
        "am is are was were be been being have has had having do does did doing will would shall should can could may",
        "might must and or nor but if then else than because while as so not only own very too just now here there",
        "when where why how again further once more most few of at by for with about against between into through",
        "during before after above below to from up down in out on off over under until",
    )).split()
)  # fmt: skip
UNITS = frozenset(
    " ".join((
        "m mm cm dm km nm um µm μm in inch inches ft g mg kg µg μg t l ml µl μl s ms µs μs ns min h hz khz mhz ghz v",
        "mv kv a ma w mw kw kwh j kj n kn nm pa kpa mpa gpa bar mbar k °c °f c f ° degrees degree percent % wt% mol%",
        "vol% ppm mol mmol rpm db dpi bit bits byte bytes kb mb gb mol/l g/l mg/ml m/s km/h ω ohm ohms lm lx cd t/min",
    )).split()
)  # fmt: skip
_NO_LETTERS = re.compile(r"[^a-z]+")
_CORE = re.compile(r"^(\W*)(.*?)(\W*)$", re.DOTALL)
_DIGIT = re.compile(r"\d")
_SIGN = re.compile(r"[A-Z]{1,3}'*")  # a reference letter or a short symbol: A, B', OH
_FIGURE = re.compile(r"figs?|figures?|nos?|eqs?|tables?", re.IGNORECASE)


@dataclass(frozen=True)
class Word:
    """A word with what stands around it. kept: a numeral, a reference sign or a unit, which no operation touches."""

    text: str
    before: str = ""
    after: str = ""
    kept: bool = False

    @property
    def written(self) -> str:
        """The word as it stands in the text."""
        return self.before + self.text + self.after


def plain_words(text: str) -> list[Word]:
    """The words of the published form: lower case, apostrophes gone, all else but letters a blank."""
    joined = text.replace("'", "").replace("’", "").lower()
    return [Word(word) for word in _NO_LETTERS.sub(" ", joined).split()]


def patent_words(text: str) -> list[Word]:
    """The words as they stand, with numerals, reference signs and units marked as kept."""
    words: list[Word] = []
    after_number = False
    for piece in text.split():
        match = _CORE.match(piece)
        assert match is not None  # the pattern fits every string
        before, core, after = match.groups()
        number = bool(_DIGIT.search(piece))
        # a capital letter may begin a sentence: "A" is then an article
        article = core in ("A", "I") and not before and (not words or words[-1].after[-1:] in (".", "!", "?"))
        kept = number or not core or (_SIGN.fullmatch(core) is not None and not article)
        kept = kept or (after_number and (core.lower() in UNITS or core.lower() + after in UNITS))
        if number and words and _FIGURE.fullmatch(words[-1].text):
            words[-1] = Word(words[-1].text, words[-1].before, words[-1].after, True)
        words.append(Word(core, before, after, kept))
        after_number = number
    return words


def augment(words: Sequence[Word], operation: str, alpha: float, synonyms: Synonyms, rng: np.random.Generator) -> str:
    """The text after one operation of OPERATIONS; a text without a free word comes back as it is."""
    count = max(1, int(alpha * len(words)))
    made = list(words)
    if any(not word.kept for word in made):
        if operation == "deletion":
            made = _delete(made, alpha, rng)
        elif operation == "synonyms":
            made = _replace(made, count, synonyms, rng)
        else:
            for _ in range(count):
                made = _swap(made, rng) if operation == "swap" else _insert(made, synonyms, rng)
    return " ".join(word.written for word in made)


def _replace(words: list[Word], count: int, synonyms: Synonyms, rng: np.random.Generator) -> list[Word]:
    """Every occurrence of `count` words that have a synonym becomes that synonym."""
    choices = sorted({word.text.lower() for word in words if not word.kept} - FUNCTION_WORDS)
    left = count
    for place in rng.permutation(len(choices)):
        found = synonyms(choices[place])
        if not found:
            continue
        put = found[int(rng.integers(len(found)))]
        same = choices[place]
        words = [
            Word(_cased(put, word.text), word.before, word.after)
            if not word.kept and word.text.lower() == same else word for word in words
        ]  # fmt: skip
        left -= 1
        if not left:
            break
    return words


def _insert(words: list[Word], synonyms: Synonyms, rng: np.random.Generator) -> list[Word]:
    """A synonym of a word of the text at a random place, but never inside a kept run; some words have none."""
    free = [word for word in words if not word.kept]
    for _ in range(INSERT_TRIES):
        found = synonyms(free[int(rng.integers(len(free)))].text.lower())
        if found:
            put = found[int(rng.integers(len(found)))]
            places = [i for i in range(len(words)) if i == 0 or not (words[i].kept and words[i - 1].kept)]
            place = places[int(rng.integers(len(places)))]
            return [*words[:place], Word(put), *words[place:]]
    return words


def _swap(words: list[Word], rng: np.random.Generator) -> list[Word]:
    """Two free words change places; what stands around a word stays where it is."""
    free = [place for place, word in enumerate(words) if not word.kept]
    first = second = free[int(rng.integers(len(free)))]
    for _ in range(SWAP_TRIES):
        second = free[int(rng.integers(len(free)))]
        if second != first:
            break
    made = list(words)
    for place, other in ((first, second), (second, first)):
        made[place] = Word(words[other].text, words[place].before, words[place].after)
    return made


def _delete(words: list[Word], alpha: float, rng: np.random.Generator) -> list[Word]:
    """Every free word goes with probability alpha; where nothing would be left, one word stays."""
    draws = rng.random(len(words))
    left = [word for word, draw in zip(words, draws, strict=True) if word.kept or draw > alpha]
    return left or [words[int(rng.integers(len(words)))]]


def _cased(put: str, like: str) -> str:
    """`put` with a capital where `like` has one."""
    return put[:1].upper() + put[1:] if like[:1].isupper() else put
