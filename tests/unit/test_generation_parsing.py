"""The parse ladder: each malformed output has its reason, each repair is counted."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volfid.core.word_count import word_count
from volfid.generation.parsing import COPY_OF_PARENT, REASONS, RUNGS, Rules, parse

GOOD = "A frame carries two wheels and a lever. The lever locks both wheels when the user stands on a slope."
SHOWN = "The present device has a tray of steel and a motor that lifts the tray to the height of a table for eating."
RULES = Rules(
    shortest=10, longest=45, label_ids=frozenset({"V01", "G06F", "car"}),
    instructions=("Write the two sentences on one line between tags. No title.",), shown=(SHOWN,),
)  # fmt: skip
LONG_REST = (
    "It has a frame with wheels of rubber, a seat of woven cloth, a handle on each side, a brake that a cable pulls, "
    "a lamp below the seat, and a folding footrest that locks under the frame when the chair is carried. "
)

# what comes back, how it ended, reason
REJECTED = [
    ("", "stop", "empty"),
    (" \n\t ", "stop", "empty"),
    ("... !!", "stop", "empty"),
    ("<doc></doc>", "stop", "empty"),
    (GOOD, "length", "truncated"),
    ("", "length", "truncated"),
    (GOOD, "filtered", "filtered"),
    (GOOD[:50] + "\ufffd\ufffd", "stop", "bad_encoding"),
    ("A frame \ud800 with wheels", "stop", "bad_encoding"),
    ('{"text": "A frame', "stop", "broken_json"),
    ('{"title": "A frame"}', "stop", "broken_json"),
    ('{"text": ["A frame"]}', "stop", "broken_json"),
    ("I'm sorry, but I cannot help with that request at all.", "stop", "refusal"),
    ("I’m sorry, but I cannot help with that request at all.", "stop", "refusal"),
    ("As an AI I do not write about such devices, whatever they are.", "stop", "refusal"),
    ('"I cannot write this, it may be unsafe for the user."', "stop", "refusal"),
    ("<think>" + GOOD, "stop", "reasoning"),
    ("Sure, here is the abstract: " + GOOD, "stop", "lead_in"),
    ("Certainly! " + GOOD, "stop", "lead_in"),
    ("Below is", "stop", "lead_in"),
    ("A device. As a large language model I would add that " + GOOD, "stop", "meta_text"),
    ("A frame made by [insert company] that " + GOOD, "stop", "meta_text"),
    ("Label: walking. " + GOOD, "stop", "meta_text"),
    ("<text>" + GOOD + "</text>", "stop", "meta_text"),
    (GOOD + " <|im_end|>", "stop", "meta_text"),
    ("In class G06F, " + GOOD, "stop", "label_id"),
    (GOOD + " (V01)", "stop", "label_id"),
    ("Write the two sentences, on one line, between tags! " + GOOD, "stop", "leaked_prompt"),
    (SHOWN, "stop", "copied_source"),
    (SHOWN.upper() + " It is safe.", "stop", "copied_source"),
    ("the user holds the bar and " * 6, "stop", "repetition"),
    ("A frame with wheels.", "stop", "too_short"),
    (LONG_REST * 2, "stop", "too_long"),
]
# what comes back, the text, the repairs
REPAIRED = [
    (GOOD, GOOD, ()),
    (f"<doc>{GOOD}</doc>", GOOD, ("doc_tags",)),
    (f"Here it comes <doc>{GOOD}", GOOD, ("doc_tags",)),
    (f"{GOOD}</doc> and more", GOOD, ("doc_tags",)),
    (f"{GOOD}</", GOOD, ("tag_fragment",)),
    (GOOD.replace("two", "&quot;two&quot;"), GOOD.replace("two", '"two"'), ("entities",)),
    (f"{GOOD}</do", GOOD, ("tag_fragment",)),
    (f"```text\n{GOOD}\n```", GOOD, ("code_fence",)),
    ('{"text": "' + GOOD + '"}', GOOD, ("json_object",)),
    ('```json\n{"abstract": "' + GOOD + '"}\n```', GOOD, ("code_fence", "json_object")),
    (f"Abstract: {GOOD}", GOOD, ("heading",)),
    (f"**Abstract:** {GOOD}", GOOD, ("heading",)),
    (f'"{GOOD}"', GOOD, ("quotes",)),
    (f"**{GOOD}**", GOOD, ("emphasis",)),
    (f"<think>It needs a lever.</think>{GOOD}", GOOD, ("reasoning",)),
    (f"{GOOD} (20 words)", GOOD, ("trailing_chat",)),
    (f"“{GOOD}”", GOOD, ("quotes",)),
    (GOOD.replace(" ", "\u00a0  "), GOOD, ()),
    (GOOD.replace("wheels", "whe\u200bels\x07"), GOOD, ("control_characters",)),
    ("Here is the abstract: " + LONG_REST, LONG_REST.strip(), ("lead_in",)),
    (unicodedata.normalize("NFD", GOOD.replace("lever", "hébel")), GOOD.replace("lever", "hébel"), ()),
]


@pytest.mark.parametrize(("raw", "finish", "reason"), REJECTED, ids=lambda value: str(value)[:24])
def test_a_malformed_output_is_refused_with_its_reason(raw, finish, reason):
    parsed = parse(raw, finish, RULES)
    assert (parsed.text, parsed.reason) == (None, reason)


@pytest.mark.parametrize(("raw", "text", "rungs"), REPAIRED, ids=lambda value: str(value)[:24])
def test_a_repair_is_made_and_counted(raw, text, rungs):
    parsed = parse(raw, "stop", RULES)
    assert (parsed.text, parsed.reason, parsed.rungs) == (text, None, rungs)


def test_the_tables_cover_every_reason_and_every_rung():
    assert {reason for _, _, reason in REJECTED} == set(REASONS)
    assert {rung for _, _, rungs in REPAIRED for rung in rungs} == set(RUNGS)
    assert len(REJECTED) >= 20


def test_an_opening_belongs_to_the_text_and_hides_no_refusal():
    rules = Rules(5, 45, opening="A device")
    assert parse(" holds a lens before the eye.", "stop", rules).text == "A device holds a lens before the eye."
    assert parse("s of this kind hold a lens.", "stop", rules).text == "A devices of this kind hold a lens."
    assert parse(" I'm sorry, I can't.", "stop", rules).reason == "refusal"
    assert parse(" ", "stop", rules).reason == "empty"


def test_an_honest_text_about_language_models_or_with_a_word_that_is_a_label_is_kept():
    text = "A recogniser uses a language model and a microphone in a car. The model scores each word of the driver."
    assert parse(text, "stop", RULES).text == text


def test_a_paraphrase_may_keep_more_of_its_parent_than_a_new_text_of_an_exemplar():
    half = "The present device has a tray of steel and a motor. It raises food to a user who eats without help at home."
    assert parse(half, "stop", RULES).reason == "copied_source"
    paraphrase = Rules(10, 45, shown=(SHOWN,), copy=COPY_OF_PARENT)
    assert parse(half, "stop", paraphrase).text == half
    assert parse(SHOWN, "stop", paraphrase).reason == "copied_source"


@given(st.text(max_size=300), st.sampled_from(["stop", "length"]))
def test_any_output_gives_a_clean_text_or_a_reason_and_never_both(raw, finish):
    parsed = parse(raw, finish, RULES)
    assert (parsed.text is None) != (parsed.reason is None)
    if parsed.text is not None:
        assert parsed.text == " ".join(parsed.text.split()) == unicodedata.normalize("NFC", parsed.text)
        assert 10 <= word_count(parsed.text) <= 45
    else:
        assert parsed.reason in REASONS
