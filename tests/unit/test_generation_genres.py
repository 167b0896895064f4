"""Answers of every genre and of several languages: honest texts are kept, refusals and reasoning are not."""

import pytest
from test_generation_answers import OPENING, B, local, served

from volfid.generation.phrases import is_lead_in, is_reasoning, without_tail
from volfid.generation.refusals import is_refusal

MORE = " It happened again on Monday, and everyone in the house saw it, so that we wrote down what there was to see."
DE = " Das ist seit Montag so, und niemand in der Firma weiß, woran es liegt, obwohl wir es zweimal gemeldet haben."
ES = " Esto pasa desde el lunes y nadie en la tienda sabe por qué, aunque ya lo hemos dicho dos veces por teléfono."
FR = " Cela dure depuis lundi et personne dans le magasin ne sait pourquoi, bien que nous ayons appelé deux fois déjà."
ZH_MORE = "从星期一开始就是这样，我们已经打过两次电话，但是没有人知道原因。"
HONEST = [
    f"I'm sorry, but I cannot pay the invoice before Friday.{MORE}",
    f"Sorry for the inconvenience. Our technician will come tomorrow between eight and ten.{MORE}",
    f"We apologize for the late parcel, which stood in a depot for a week.{MORE}",
    f"We apologize for the delay with your request; a colleague looks into it today.{MORE}",
    f"I cannot continue this treatment, since the tablets make me dizzy.{MORE}",
    f"I must decline your offer of a voucher and ask for my money back.{MORE}",
    f"Please provide a prompt answer to my complaint of last week.{MORE}",
    f"I'm an AI engineer by trade, and this laptop is fast enough for my work.{MORE}",
    f"As an AI startup we need laptops with much memory.{MORE}",
    f"I can't provide a sample of blood today.{MORE}",
    f"I can't write with this pen, the ink does not flow.{MORE}",
    f"我无法完成付款，页面一直显示错误。{ZH_MORE}",
    f"我不能提供发票，因为订单是在网上下的。{ZH_MORE}",
    f"非常抱歉让您久等了，我们的技术人员明天会来。{ZH_MORE}",
    f"用户无法登录系统，密码重置邮件没有收到。{ZH_MORE}",
    "申し訳ございません。本日の会議に遅れます。電車が止まっており、駅で三十分ほど待っています。",
    f"Es tut mir leid, aber ich kann die Rechnung nicht bezahlen.{DE}",
    f"Leider kann ich mich nicht anmelden.{DE}",
    f"Lo siento, no puedo entrar en mi cuenta.{ES}",
    f"El usuario no puede abrir el informe.{ES}",
    f"Désolé, je ne trouve plus la facture.{FR}",
    f"Let me think back to the day we bought this car.{MORE}",
    f"We need to respond faster to alarms on ward 4.{MORE}",
    f"I need to write an abstract for the conference by Friday, but the form does not open.{MORE}",
    f"The user needs 20 to 30 words per minute to pass.{MORE}",
    f"First, the user opens the valve and lets the water run out.{MORE}",
    f"Here is a hotel that does what it promises: quiet rooms, good beds and a kind host.{MORE}",
    f"Here's what happened: the pump stopped and the cellar filled with water.{MORE}",
    f"Below is the river, above is the wood, and in between stands the house: a fine place.{MORE}",
    f"Certainly, the best tent that we ever had.{MORE}",
    f"Absolutely! I'd buy it again at once.{MORE}",
    f"As an assistant in a nursing home I lift people every day.{MORE}",
    f"The fence was painted white as requested.{MORE}",
    f"The jar had no label: nobody knew what was in it.{MORE}",
    f"Okay, the user manual is poor, but the drill is fine.{MORE}",
    f"Thinking about the request for leave, the manager said no.{MORE}",
    f"We need to write down two sentences for each patient.{MORE}",
    f"I won't write another review for this shop.{MORE}",
    f"Note: the kettle is hot when it whistles.{MORE}",
    f"As requested, here is the floor plan: the kitchen is on the left.{MORE}",
    f"It looks like the invoice is missing from your message. Please send it again.{MORE}",
    f"I'd be happy to help you with your parcel! Could you tell me the number?{MORE}",
    f"{{name}} is shown in the greeting instead of my own.{MORE}",
]
ENDINGS_OF_A_TEXT = [
    "Is there anything else I have to do to get my money back?",
    "Would you like me to send you the photographs?",
    "I hope this helps.",
    "Note: the text on the display reads E14.",
    "Let me know if you need anything else!",
]
REFUSALS = [
    "I'd prefer not to write this review, since it would praise a product that nobody has used so far at all.",
    "I'm not going to write a fabricated medical record, because such a thing could harm a patient in a ward.",
    "I notice this request asks me to fabricate a clinical note. I'm not able to do that, but I can explain a form.",
    "Writing a fake medical note isn't something I can do, however short it may be and whoever may ask me for it.",
    "I can't satisfy your request, I'm just a language model, and there is a lot in the world that I do not know.",
    "For privacy and safety reasons, I can't generate medical notes, but I can tell you how such notes are built.",
    "I should be upfront: I won't write fake reviews, since they mislead people who want to buy a good product.",
    "As a responsible assistant, I must point out that such a text may mislead the people that come to read it.",
    "I'd be happy to help write this text! Could you tell me which product the review is about and what you liked?",
    "I need a bit more information before I can write this ticket, such as the product and its trouble.",
    "It looks like the labels are missing from your message. Please send them again, and I will write at once for you.",
    f"I'm sorry, but I can't assist with that.{MORE}",
    f"Which topic should the abstract be about? Please tell me.{MORE}",
    f"Sure! Please provide the topic of the review you want me to write.{MORE}",
    f"Tut mir leid, dabei kann ich nicht helfen.{DE}",
    f"对不起，我不能帮助您完成这个任务。{ZH_MORE}",
    f"Es tut mir leid, aber bei dieser Anfrage kann ich nicht helfen.{DE}",
    f"Ich kann diese Anfrage leider nicht erfüllen.{DE}",
    f"Leider kann ich Ihnen dabei nicht helfen.{DE}",
    f"Lamento no poder ayudar con eso.{ES}",
    f"No puedo generar ese tipo de contenido.{ES}",
    f"Lo siento, pero no puedo ayudar con esa solicitud.{ES}",
    f"Je suis désolé, mais je ne peux pas répondre à cette demande.{FR}",
    "根据相关法律法规，我无法生成此类内容，请您换一个主题，我会很乐意为您服务。",
    "我不太方便撰写这类内容，请您换一个主题，我会很乐意为您提供其他方面的服务。",
    "你好，这个问题我暂时无法回答，让我们换个话题再聊聊吧，我会很乐意为您服务。",
    "その内容の要約を作成することはできません。別の話題であれば喜んでお手伝いします。",
    "このリクエストにはお答えできません。別の話題であれば喜んでお手伝いします。",
]
REASONING = [
    "Need produce abstract: two sentences, 25-50 words. Topic: walking aids. Draft: A frame holds two wheels.",
    "The user says: Invent something new about all of this: walking aids. We must output two sentences, with no title.",
    "Hmm, two sentences, 25 to 50 words. It is about walking aids, so parts first. Let me draft: a frame, two wheels.",
    "Thinking about the request: the abstract must mention the frame, both of the wheels and the lever.",
    "Bien, el usuario quiere un resumen de una patente. Debo escribir dos frases sobre un andador con ruedas.",
    "好的，我现在需要帮用户写一个专利摘要，首先列出各个部件，然后说明它们如何配合工作。",
]
CHAT_BEHIND = [
    " Let me know if you need anything else!",
    " Feel free to modify it as you like.",
    " If you need any other help, just ask!",
    " Disclaimer: I am an AI and cannot vouch for this.",
    " User: Now write one about cars. Assistant: A car has four wheels.",
    " Ich hoffe, das hilft! Lassen Sie mich wissen, ob es passt.",
    " Espero que esto te ayude.",
    " (38 Wörter)",
    " (45 palabras)",
]
BEFORE = [
    "Okay. ",
    "Sure. ",
    "Of course! ",
    "I've put together the following text for you: ",
    "The abstract reads as follows: ",
    "My answer: ",
    "Review: ",
    "Ticket: ",
    "News item: ",
    "1. ",
    "Hier ist eine kurze Patentzusammenfassung: ",
    "Hier ist die Zusammenfassung:\n\n",
    "Zusammenfassung:\n",
    "**Zusammenfassung:** ",
    "Claro, aquí está el resumen de la patente: ",
    "Aquí tienes el resumen:\n\n",
    "**摘要：** ",
    "Certainly!\n\n",
    "Draft: ",
    "Ecco il riassunto:\n\n",
    "Reasoning: a frame, two wheels and a lever come first, then how they work.\n\nAnswer: ",
]
ZH = "一种步行辅助装置，包括伸缩腿、可折叠座椅和作用于两个后轮的制动杆。座椅展开时制动杆锁定车轮，座椅折叠时释放车轮。"
JA = "歩行補助装置は、伸縮する脚と、折り畳み可能な座席と、両後輪に作用する制動レバーとを備える。"


@pytest.mark.parametrize("text", HONEST, ids=lambda text: text[:32])
def test_honest_text_is_kept_bare_and_in_a_doc(text):
    for raw in (text, f"<doc>{text}</doc>", f"Here is the text:\n<doc>{text}</doc>\nI hope this helps!"):
        parsed = served(raw, opening="")
        assert (parsed.text, parsed.reason) == (text, None)
    assert not is_refusal(text) and not is_reasoning(text) and not is_lead_in(text) and without_tail(text) == text


@pytest.mark.parametrize("ending", ENDINGS_OF_A_TEXT)
def test_what_a_closed_doc_ends_with_belongs_to_the_text(ending):
    assert served(f"<doc>{B} {ending}</doc>").text == f"{B} {ending}"
    assert served(f"<doc>Two weeks ago I sent it back. {B} {ending}</doc> Hope this helps!").text.endswith(ending)
    assert served(f"<doc>{B}\n\n{ending}</doc>").text == f"{B} {ending}"


@pytest.mark.parametrize("raw", REFUSALS, ids=lambda raw: raw[:32])
def test_a_refusal_or_a_question_back_is_no_text(raw):
    for one in (raw, f"<doc>{raw}</doc>"):
        assert (served(one).text, served(one).reason) == (None, "refusal")


@pytest.mark.parametrize("raw", REASONING, ids=lambda raw: raw[:32])
def test_reasoning_in_words_is_no_text(raw):
    for one in (raw, f"<doc>{raw}</doc>"):
        assert (served(one).text, served(one).reason) == (None, "reasoning")


@pytest.mark.parametrize("chat", CHAT_BEHIND)
def test_chat_behind_a_text_is_taken_off(chat):
    assert served(B + chat).text == B
    assert served(f"<doc>{B}</doc>{chat}").text == B
    assert local(B[len(OPENING) :] + chat).text == B


@pytest.mark.parametrize("before", BEFORE)
def test_what_stands_before_a_text_is_taken_off(before):
    assert (served(before + B).text, served(before + B).reason) == (B, None)
    assert served(f"{before}<doc>{B}</doc>").text == B


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (f'print("{B}")', B),
        (f"\\text{{{B}}}", B),
        (B.replace("and a brake", "&amp; a &quot;brake&quot;"), B.replace("and a brake", '& a "brake"')),
        (f"{ZH}希望这对您有帮助！", ZH),
        (f"以下是根据您的要求撰写的专利摘要：{ZH}", ZH),
        (f"はい、以下が要約です：\n\n{JA}", JA),
    ],
    ids=lambda one: one[:20],
)
def test_other_wrappings_are_taken_off(raw, text):
    assert (served(raw).text, served(raw).reason) == (text, None)


def test_a_local_model_that_says_the_first_words_again_has_them_once():
    assert local(f" {B}").text == B
