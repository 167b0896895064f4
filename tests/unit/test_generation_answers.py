"""What models answer in truth, and what becomes of it: the document in it, or the reason why there is none."""

import json

import pytest

from volfid.core.reasoning import without_reasoning
from volfid.generation.engines.openai import sent_stops, without_beginning
from volfid.generation.engines.tokens import end_of_reasoning
from volfid.generation.parsing import Rules, parse
from volfid.generation.phrases import is_lead_in, is_reasoning, without_tail
from volfid.generation.refusals import is_refusal
from volfid.training.verbal import parse_answer

OPENING = "A device comprises"
B = (
    "A device comprises a pair of telescopic legs, a seat that folds against a cross bar and a brake lever that acts "
    "on both rear wheels. The lever is coupled to the seat so that the wheels are locked when the seat is unfolded."
)
REST = B[len(OPENING) :]
Q = 'A device comprises a "quick" lever that is 3 µm thick and holds a seat. The seat locks both of the rear wheels.'
TH = (
    "Okay, the user wants a short patent abstract about walking aids. I should name the parts first and then say how "
    "they work together, use concrete terms, keep it to two sentences and add no title or list."
)
WE = "We need to write a patent abstract, two sentences, 25 to 50 words. We must avoid a title."
DRAFT = "A first draft of a device that has not enough parts to be one at all, and it was left out here for the seat."
ZH = "一种步行辅助装置，包括伸缩腿、可折叠座椅和作用于两个后轮的制动杆。座椅展开时制动杆锁定车轮，座椅折叠时释放车轮。"
JA = "歩行補助装置は、伸縮する脚と、折り畳み可能な座席と、両後輪に作用する制動レバーとを備える。"
STOP = ("</doc>", "<doc>", "\n")


def served(raw, finish="stop", opening=OPENING):
    for stop in sent_stops(STOP, f"<doc>{opening}", False):
        raw = raw.split(stop)[0]
    text, opened = without_beginning(raw, f"<doc>{opening}")
    return parse(text, finish, Rules(20, 75, opening=opening if opened else "", inside=opened, stop=STOP))


def local(raw, finish="stop", opening=OPENING):
    """The engine stops at the first stop string by itself; the model was given the beginning."""
    text = raw[: min((raw.find(one) for one in STOP if one in raw), default=len(raw))]
    return parse(text, finish, Rules(20, 75, opening=opening, inside=True, stop=STOP))


REASONED = [
    f"<think>\n{TH}\n</think>\n\n<doc>{B}</doc>",
    f"<think>\n\n</think>\n\n<doc>{B}",
    f"<think>{TH}</think><doc>{B}</doc>",
    f"<think>{TH} <doc>{DRAFT}</doc></think><doc>{B}",
    f"<think>{TH}</think>{B}",
    f"{TH}</think>\n\n<doc>{B}</doc>",
    f"{TH} I put it between <doc> and </doc>.</think><doc>{B}</doc>",
    f"{TH} <doc>{B}</doc>",
    f"{WE}\n\n<doc>{B}</doc>",
    f"Let me think step by step.\n1. Parts.\n2. Function.\n\n<doc>{B}</doc>",
    f"<thinking>{TH}</thinking>\n<doc>{B}</doc>",
    f"<reasoning>\n{TH}\n</reasoning>\n<answer>\n<doc>{B}</doc>\n</answer>",
    f"<reasoning>{TH}</reasoning><answer>{B}</answer>",
    f"<Thought>{TH}</Thought>{B}",
    f"[THINK]{TH}[/THINK]<doc>{B}</doc>",
    f"[THINK]{TH}[/THINK]{B}",
    f"◁think▷{TH}◁/think▷<doc>{B}</doc>",
    f"<|channel|>analysis<|message|>{WE}<|end|><|start|>assistant<|channel|>final<|message|><doc>{B}</doc><|return|>",
    f"<|channel|>analysis<|message|>{WE}<|end|><|start|>assistant<|channel|>final<|message|>{B}<|return|>",
    f"analysis{WE}assistantfinal<doc>{B}</doc>",
    f"analysis{WE}assistantfinal{B}",
    f"<|begin_of_thought|>{TH}<|end_of_thought|>\n<|begin_of_solution|><doc>{B}</doc><|end_of_solution|>",
    f"<|START_THINKING|>{TH}<|END_THINKING|><|START_RESPONSE|>{B}<|END_RESPONSE|>",
    f"<seed:think>{TH}</seed:think><doc>{B}</doc>",
    f'<details type="reasoning" done="true">\n> {TH}\n</details>\n<doc>{B}</doc>',
    f"<unused94>thought\n{TH}<unused95><doc>{B}</doc>",
    f"&lt;think&gt;{TH}&lt;/think&gt;\n<doc>{B}</doc>",
    f"<think>one</think><think>{TH}</think><doc>{B}</doc>",
    f"<doc>{B}</doc>\n<think>Is that enough? Let me see.",
    f"Okay, first try: <doc>{DRAFT}</doc> too vague.\n</think>\n\n<doc>{B}</doc>",
    f"<doc>{DRAFT}</doc>\nRevised:\n<doc>{B}</doc>",
    f"<doc>{OPENING} a draft{DRAFT}</doc>\nRevised:\n<doc>{B}</doc>",
    f"<doc>{OPENING} a draft{DRAFT}</doc>\n\nOr shorter:\n\n<doc>{B}</doc>\n\nBoth have two sentences.",
    f"<think>The text must stand between <doc> and </doc>.</think><doc>{B}</doc>",
]
WRAPPED = [
    f"<doc>{B}</doc>",
    B,
    f"Sure! Here is the abstract: <doc>{B}</doc>",
    f"Here is the abstract:\n\n<doc>{B}</doc>",
    f"Okay, the following is the abstract that you asked for, in at most fifty words and without any title: <doc>{B}",
    f"Certainly, below you will find the short abstract that you asked for, in two sentences: <doc>{B}</doc>",
    f"I can't use names, but here is a general one: <doc>{B}</doc>",
    f"Here is the abstract:\n\n{B}",
    f"Sure, here's a two-sentence abstract:\n{B}\n\nLet me know if you'd like changes!",
    f"Of course! Here you go:\n\n{B}",
    f"```\n<doc>{B}</doc>\n```",
    f"```xml\n<doc>{B}</doc>\n```",
    f"```\n{B}\n```",
    f"```text\n{B}\n```\nI hope this helps!",
    f"```{B}```",
    f"~~~\n{B}\n~~~",
    f"Here is the text:\n```\n{B}\n```\n",
    json.dumps({"text": B}),
    json.dumps({"text": B}, indent=2),
    json.dumps({"Title": "Walking aid", "Abstract": B}),
    json.dumps([{"text": B}]),
    json.dumps([B]),
    json.dumps({"document": {"text": B}}),
    json.dumps({"text": f"<doc>{B}</doc>"}),
    str({"text": B}),
    f'```json\n{{"text": "{B}"}}\n```',
    f'Here is the JSON:\n```json\n{{"text": "{B}"}}\n```',
    f'<doc>{{"text": "{B}"}}</doc>',
    f'{{"text": "<doc>{B}',
    f'{{"text": "{B}"}}\n\nI hope this helps!',
    f"```json\n{json.dumps([{'abstract': B}])}\n```",
    f'"<doc>{B}</doc>"',
    f"**<doc>**{B}**</doc>**",
    f"`<doc>{B}</doc>`",
    f"<DOC>{B}</DOC>",
    f"< doc >{B}</ doc >",
    f"&lt;doc&gt;{B}&lt;/doc&gt;",
    f"<document>{B}</document>",
    f"<doc>\n{B}\n</doc>",
    "<doc>" + B.replace(". ", ".\n") + "</doc>",
    f"<doc>{DRAFT}</doc><doc>{B}</doc>",
    f"<doc>{B}</doc>\nThe text stands between <doc> and </doc> as you wanted.",
    f"<doc>{B}</doc> I hope this helps! Let me know if you want another one.",
    f"<doc>{B}</doc>\n\n(49 words)",
    f"**Foldable Walker**\n\n**Abstract:** {B}",
    f"# Foldable Walker\n\n{B}",
    f"Foldable Walker\nAbstract: {B}",
    f"Title: Foldable Walker\nAbstract: {B}",
    f"## Abstract\n{B}",
    f"**Abstract**\n\n{B}",
    f"Here is the abstract:\n\n**Abstract:** {B}",
    f"**{B}**",
    f'"{B}"',
    f"Rewritten version: {B}",
    f"{B} I hope this helps! Let me know if you want another one.",
    f"{B} (49 words)",
    f"{B} [Word count: 49]",
    f"{B}\n\nWord count: 49",
    f"{B} Word count: 49",
    f"{B} Note: This abstract is written in two sentences, as you asked.",
    f"{B} Note: I have kept every technical feature.",
    f"{B} Would you like me to make it longer?",
    f"{B}\n\nThis text describes a walker.",
    f"Foldable Walker With a Seat\n\n{B}",
    f"text: |\n  {B}",
    f'<doc id="1">{B}</doc>',
    f"<html><body><p>{B}</p></body></html>",
    f"- {B}",
    f"> {B}",
    f"[Abstract] {B}",
    f"assistant\n\n{B}",
    f"### Response:\n{B}",
    f"<doc>{B}\n\nNote: This abstract has two sentences.",
    f"{B} This abstract meets the requirements of two sentences and fifty words.",
    f"{B} I hope you find this useful!",
    f"{B} I'd be happy to revise it.",
    f"{B} Does this meet your needs?",
    f"{B} (2 sentences, 49 words)",
    f"{B} Total words: 49",
]
DROPPED = {
    "reasoning": [
        "To write this abstract, I first need to name the parts, then describe how they work together in two lines.",
        "First, I will identify the key components of the walking aid, and then I will write the two sentences down.",
        "The request is for an abstract of two sentences about a walking aid, so I begin with the parts of the aid.",
        "Mm, okay. The user wants a patent abstract about walking aids. I should name the parts of the device first.",
        "**Analysis:** The user wants an abstract with two sentences on a walking aid, and the parts come at first.",
        "Okay, der Nutzer möchte eine kurze Zusammenfassung eines Patents über Gehhilfen in zwei Sätzen ohne Titel.",
        f"<think>\n{TH}",
        f"<think>{TH}</think>",
        f"<think>{TH} I write <doc>A device",
        "<think>",
        f"◁think▷{TH}",
        f"analysis{WE}",
        TH,
        WE,
        f"<doc>{TH}</doc>",
        f"{TH} It stands between",
        "Let me think about what a walking aid has: legs, a seat and wheels. Then I will write it down in two lines.",
        "Hmm, the user wants me to rewrite the text in other words, so I begin with the parts of the device.",
        "The user wants a paraphrase of the text in two sentences, so I begin with all parts of the device.",
        "I need to write a patent abstract of two sentences about a walking aid, with all of its parts named.",
        "Thinking Process:\n\n1. Analyse the request.",
        "Here's a thinking process:\n1. Parts",
        "Alright, let's craft two sentences about a walking aid that has legs, a seat and some wheels as well.",
        "好的，用户需要一个关于步行辅助装置的专利摘要，我先写出各个部件，再说明它们如何配合工作。",
    ],
    "refusal": [
        "I'm Claude, an AI assistant, and I would rather not write about this weapon in an abstract, however short.",
        "It seems that the request is about a weapon, which I cannot write about, so please choose another topic here.",
        "I would prefer not to write about this topic since the device could be used against people who do no harm.",
        "No, I can't write that abstract for you, because the device could be used to do harm to many other people.",
        "Could you please provide more details about the topic so that I can write the abstract that you asked for?",
        "It looks like you didn't provide any text to paraphrase, so please paste it here and I will do it at once.",
        "I apologize, but I am unable to create a patent abstract about this topic because it could harm people.",
        "<doc>I apologize, but I am unable to create a patent abstract about this topic, which could be misused.</doc>",
        "I must decline to write this abstract, since the request is about a topic that I am not comfortable with.",
        "I won't be able to help with writing a patent abstract on that topic, since it could lead to harm.",
        "As an AI language model, I do not write about such devices, whatever they are, and whoever may ask me for it.",
        "As an AI, I must be careful here and would rather talk with you about another and less harmful topic today.",
        "I cannot assist with that.",
        "I'm not able to generate content of this kind, but I would gladly help with another topic instead of this.",
        "Sorry, I can't help with that request, but there are other topics about which I would gladly write for you.",
        "Sorry, but I can't do that.",
        "Sorry, that is not something I can write about, though other topics of patents are no trouble for me at all.",
        "I’m sorry, but I can’t comply with that request because it asks for something that may do harm to others.",
        "Unfortunately, I cannot fulfil this request, for it goes against what I am allowed to write about devices.",
        "I respectfully decline this request, since a weapon is described, and offer to write about another device.",
        "I can't write this one, as it may be unsafe for the people that would build the device from the description.",
        "I cannot provide medical advice, so please see a doctor who knows your case well before you take anything.",
        "I understand that you need an abstract, but I cannot create content that describes how a weapon is built.",
        "Thank you for your request. However, I am not able to write a patent abstract about that kind of a device.",
        "This request goes against my guidelines, so I will not write it, but another topic would be fine with me.",
        "很抱歉，我无法为您撰写有关该主题的专利摘要，因为它可能会被用于对他人造成伤害的用途，请换一个主题。",
    ],
    "lead_in": [
        f"Here is the abstract - {B}",
        "Sure, here is the abstract: A frame holds two wheels.",
        "Of course! A frame holds two wheels and a lever, and the lever locks both of the wheels on a slope of stone.",
        "The following is a short abstract of the device:",
    ],
    "broken_json": [
        f"[{B}",
        f"{{{B}",
        json.dumps([{"text": B}, {"text": B}]),
    ],
    "meta_text": [
        f"{B}</s>",
        f"\\boxed{{{B}}}",
        f"<doc>{B} ```python```</doc>",
        f"<doc>{B}\n## Claims\n1. A device.</doc>",
        f"{B} **Claims:** 1. A device.",
        f"<doc>{B} <text>more",
    ],
    "empty": [
        "<doc></doc>",
        "```\n```",
    ],
    "too_short": [
        ZH[:15],
    ],
    "too_long": [
        ZH * 2,
    ],
}
CUT_OFF = [
    (f"<think>\n{TH}\n{TH}", "reasoning"),
    (f"[THINK]{TH}", "reasoning"),
    (f"<|channel|>analysis<|message|>{WE}", "reasoning"),
    (TH, "reasoning"),
    (f"<doc>{B[:150]}", "truncated"),
    (B[:150], "truncated"),
    ("", "truncated"),
]
HONEST = [
    "[Problem to be solved] To keep a tray at the height of a table. [Solution] A motor lifts it, a sensor sees it.",
    "Could you please provide more details about the outage of last night, since half of our office was cut off by it?",
    "It seems that the app does not remember my choice, so I cannot find the list that I made a few days ago in it.",
    "To write the data to a disk, a controller sends blocks of equal length to a cache that holds them until it fills.",
    "I hope you like this as much as we did: the beach was clean, the room was large, and the food was good each day.",
    "I cannot recommend this phone to anyone who needs a good camera, for it takes blurred pictures in low light.",
    "I can't believe how good this blender is, it crushed ice in ten seconds and was clean again in a minute or so.",
    "I am unable to log in to the portal since the update of last week, and the reset of my password did not help.",
    "I'm not able to create an account on the website because the form says that my address is taken by somebody.",
    "I cannot create a new ticket in the portal since Monday, the button is grey and nothing happens on a click.",
    "I was unable to provide a sample of blood on that day and was told to come back to the ward one week later.",
    "I couldn't complete my order because the page of the shop hung when I chose the card that I always pay with.",
    "Unfortunately, I bought the blue one, and it arrived with a broken hinge, so I had to send it back last week.",
    "Sorry, but this is the worst vacuum cleaner that I have ever owned, it lost all of its power within a month.",
    "I'm sorry to say that the hotel was loud, the bed was hard, and breakfast was cold on each of the two days.",
    "I won't be buying this again, the sole came off after two walks, and the shop would not take the boots back.",
    "Okay, so I bought this phone last week and it has been great, the battery lasts two days and more than that.",
    "Let me start by saying that this vacuum is quiet, light and strong, and that my dog does not run away from it.",
    "We need to talk about the noise of this fan, which is so loud at night that nobody in the house can sleep.",
    "The user wants to reset the password of the mail account but the link in the mail leads to a page with errors.",
    "The user cannot open the report since the update, the window stays white, and the log shows no error at all.",
    "The patient was unable to provide a history, and the family reported that she cannot walk without any help now.",
    "A device that cannot be opened by a child has a cap that turns only when it is pressed down with both hands.",
    "The minister said that he was unable to help with the inquiry and must decline to comment on the case for now.",
    "I had to write two letters to the bank until they helped me with the request, and then it took three weeks.",
    "Here, a frame carries two wheels and a lever, and the lever locks both wheels when the user stands on a slope.",
    "Note that the lever (12) is optional: in one embodiment the wheels (13) are locked by the weight of the user.",
    "Text-based search finds documents by the words in them, and an index held in memory makes all queries fast (49).",
    "As an aid for walking, the frame has two legs, a seat of cloth, a handle on each side and a brake for a slope.",
    "Let me know what you think of the new update, since mine has crashed three times a day from the first hour on.",
    "In the figure, the tray (10) is lifted by a motor (20), which a controller (30) stops at the height of a table.",
    "The value < 5 is compared by a circuit that has a memory and a sensor, and an alarm sounds when it is above it.",
]


@pytest.mark.parametrize("raw", [*REASONED, *WRAPPED], ids=lambda raw: raw[:32])
def test_the_text_is_what_stands_in_the_last_doc_or_in_the_last_wrapping(raw):
    parsed = served(raw)
    assert (parsed.text, parsed.reason) == (B, None)


@pytest.mark.parametrize(
    ("raw", "reason"), [(raw, reason) for reason, raws in DROPPED.items() for raw in raws], ids=lambda one: one[:32]
)
def test_an_answer_without_a_document_has_its_reason(raw, reason):
    parsed = served(raw)
    assert (parsed.text, parsed.reason) == (None, reason)


@pytest.mark.parametrize(("raw", "reason"), CUT_OFF, ids=lambda one: one[:32])
def test_an_answer_that_used_its_budget_up_has_its_reason(raw, reason):
    assert served(raw, "length").reason == reason


@pytest.mark.parametrize("raw", HONEST, ids=lambda raw: raw[:32])
def test_honest_text_in_the_first_person_is_kept_as_it_is(raw):
    for text in (raw, f"<doc>{raw}</doc>"):
        parsed = served(text)
        assert (parsed.text, parsed.reason) == (raw, None)
    assert local(f" {raw}", opening="").text == raw


@pytest.mark.parametrize(
    ("raw", "text", "reason"),
    [
        (REST, B, None),
        (f"{REST}</doc>", B, None),
        (f"{REST}\nMore of it.", B, None),
        (f"{REST} I hope this helps! Let me know if you want another one.", B, None),
        (f"{REST} (49 words)", B, None),
        (f" <think>\n{TH}", None, "reasoning"),
        (f" <think>{TH}</think>", None, "reasoning"),
        (f" [THINK]{TH}", None, "reasoning"),
        (f" {TH}", None, "reasoning"),
        (" I'm sorry, I can't.", None, "refusal"),
        (" I must decline to write this abstract, since I do not want to.", None, "refusal"),
        (" ```", None, "empty"),
        (f"{REST} ## Claims", None, "meta_text"),
        (f"{REST}<think>Is that enough?", B, None),
        (f' "{REST.strip()}"', f'{OPENING} "{REST.strip()}"', None),
    ],
)
def test_a_local_model_that_was_given_the_first_words(raw, text, reason):
    parsed = local(raw)
    assert (parsed.text, parsed.reason) == (text, reason)


def test_a_local_paraphrase_whose_doc_was_opened_for_it():
    assert local(B, opening="").text == B
    assert local(f"<think>\n{TH}", opening="").reason == "reasoning"
    assert local(TH, "length", opening="").reason == "reasoning"
    assert local("I'm sorry, but I cannot rewrite this text, for it is about a weapon.", opening="").reason == "refusal"


def test_a_document_closed_before_the_budget_ended_is_whole_and_an_open_one_is_cut_off():
    assert served(f"<doc>{B}</doc> And I want to add that", "length").text == B
    assert served(f"{B}\nAnd I want to add that", "length").text == B
    assert served(f"<doc>{B}", "length").reason == "truncated"
    assert served(f"<think>{TH}</think><doc>{B}</doc> And", "length").text == B
    assert served(f"<doc>{B}</doc>", "filtered").reason == "filtered"


def test_quotes_and_letters_survive_json_and_a_doc_in_json():
    for raw in (json.dumps({"text": Q}), json.dumps({"text": f"<doc>{Q}</doc>"}), json.dumps({"text": f"<doc>{Q}"})):
        assert served(raw).text == Q
    assert served(json.dumps({"text": f"<doc>{Q}</doc>"})[: -len('</doc>"}')]).text == Q  # the server stopped there


@pytest.mark.parametrize("text", [ZH, JA])
def test_chinese_and_japanese_are_counted_by_characters(text):
    for raw in (text, f"<doc>{text}</doc>", f"<think>好的，用户</think><doc>{text}</doc>", f"{text}（共49字）"):
        assert served(raw).text == text
    assert served(f"好的，以下是摘要：\n\n{text}").text == text


def test_every_repair_is_counted_and_clean_answers_have_none():
    assert served(f"<doc>{B}").rungs == () == local(REST).rungs
    raw = f'<think>x</think>Here is the JSON:\n```json\n{{"text": "**Abstract:** {B} (49 words)"}}\n```'
    parsed = served(raw)
    assert parsed.text == B
    assert {"reasoning", "code_fence", "json_object", "heading", "trailing_chat"} == set(parsed.rungs)


@pytest.mark.parametrize("text", [*HONEST, B, Q, ZH, JA])
def test_what_is_honest_looks_like_nothing_else(text):
    assert not is_refusal(text) and not is_reasoning(text) and not is_lead_in(text)
    assert without_tail(text) == text and without_reasoning(text) == (text, False)


def test_a_parsed_text_is_parsed_to_itself():
    for text in (B, Q, ZH, *HONEST):
        assert served(text).text == served(served(text).text).text == text


def test_reasoning_before_an_array_of_labels_does_not_name_them():
    codes = ("L01", "L02", "L03")
    for text, columns in {
        '<think>Maybe ["L01"], or not.</think>["L02"]': (1,),
        '<think>\n\n</think>\n\n```json\n["L02","L03"]\n```': (1, 2),
        'not ["L01"] </think> ["L03"]': (2,),
        '["L01"]': (0,),
        '{"labels": ["L02"]}': (1,),
    }.items():
        assert parse_answer(text, codes).columns == columns
    assert parse_answer('<think>Maybe ["L01"]', codes).failed


def test_a_chat_template_that_opens_reasoning_is_closed_before_the_answer():
    assert end_of_reasoning("<|im_start|>assistant\n<think>\n") == "\n</think>\n\n"
    assert end_of_reasoning("<|im_start|>assistant\n<think>\n\n</think>\n\n") == ""
    assert end_of_reasoning("<|im_start|>assistant\n") == ""
