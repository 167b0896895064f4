"""How models open an answer that is no document (reasoning, lead-ins), and how they close one.

Patterns stand at the beginning (or end) and name the task: honest texts are written in the first person, too, begin
with "Okay, so I bought" or "Here is a hotel that", and offer help.
"""

import re

from volfid.generation.wording import MAKE, any_of, beginning

ENDING = 800  # characters in which a text shows what stands behind it

# ---- reasoning without a tag -----------------------------------------------------------------

_STARTER = (
    "(?:(?:okay|ok|alright|all right|h?mm+|ah|right|so|well|sure|now|first(?:ly)?|wait|got it|gotcha|great|good)"
    "[ ,.!:;…–—-]+)"
)
_MUSING = "(?:(?:okay|ok|alright|all right|h?mm+|right|got it|gotcha|wait)[ ,.!:;…–—-]+)"
_ASKED = (
    "(?:wants?|asks?|asked|is asking|needs?|requested|requests?|requires?|provided|gave|has (?:asked|given|provided)"
    "|would like)"
)
_LIMIT = (
    r"(?:(?:two|three|one|\d+) sentences|\d+ ?(?:to|-|–|and) ?\d+ words\b(?! (?:per|a|an|each)\b)|no title|no list"
    "|words in all|<doc>|the (?:prompt|instruction|constraint)s?)"
)
_TASK = (
    rf"(?:{_LIMIT}|\b(?:paraphrase|abstract(?=[.,;:]|$| (?:of|about|on|that|which|with|in|describing|must|based)\b)))"
)
_SHOULD = (
    "(?:need to|have to|should|must|want to|will|can|am (?:asked|supposed|going|told) to|are (?:asked|supposed|told) to"
    "|was asked to)"
)
_STRICT = [
    rf"{_STARTER}*(?:(?:the )?user|they|the request is (?:for|to)|to write (?:this|the)) ?{_ASKED}?\b[^.\n]{{0,80}}"
    rf"(?:\b(?:abstract|paraphrase|rewrit\w+)\b|{_LIMIT})",
    rf"{_STARTER}*(?:the )?user (?:{_ASKED} (?:me|us) to (?:{MAKE})|(?:says|said|writes|wrote):)[^\n]{{0,300}}"
    rf"(?:{_LIMIT}|\b(?:we|i) (?:must|should|need to|have to) {MAKE})",
    rf"{_STARTER}*let(?: me|'s| us) (?:think|brainstorm|analy[sz]e|outline|{MAKE}|break (?:this|it) down|parse)\b"
    rf"[^.\n]{{0,80}}{_TASK}",
    rf"{_STARTER}*we (?:need|have|should|must|are (?:asked|told|given|supposed)) (?:to )?"
    rf"(?:{MAKE}(?! down)|respond|answer|follow|make sure|think)\b[^.\n]{{0,120}}{_TASK}",
    rf"{_STARTER}*(?:(?:i|we) (?:\w+ )?{_SHOULD}|i'll|we'll|i'm (?:going|asked|supposed) to|(?:the|my) task is to|task:"
    rf"|goal:|need(?: to)?) (?:{MAKE}(?! down)|identify|analy[sz]e|begin by|start by|name)\b[^.\n]{{0,120}}{_TASK}",
    rf"{_MUSING}+(?:\w+ )?{_LIMIT}",
    rf"{_STARTER}*thinking (?:about|through|of) (?:the|this) (?:request|task|prompt|labels?|abstract)[:,.]",
    rf"{_STARTER}*(?:here(?:'s| is) (?:a|my|the) )(?:thinking|thought|reasoning) process",
    r"(?:(?:bien|vale|bueno|de acuerdo|okay|ok|primero|hmm)[ ,.]+)?el usuario (?:quiere|pide|necesita|solicita|desea|me"
    r" pide|ha pedido)\b[^.\n]{0,60}\b(?:resumen|texto|frases|oraciones|redact\w+|escrib\w+|reseña)",
    r"(?:(?:okay|ok|gut|also|hmm)[ ,.]+)?der (?:nutzer|benutzer|user) (?:möchte|will|wünscht|bittet|braucht)\b"
    r"[^.\n]{0,60}\b(?:zusammenfassung|text|sätze|abstract)",
    r"(?:(?:okay|ok|bon|bien|alors|hmm)[ ,.]+)?l'utilisateur (?:veut|souhaite|demande|me demande)\b[^.\n]{0,60}"
    r"\b(?:résumé|texte|phrases)",
    "(?:好的|嗯|首先|那么|现在|好)?[，,、。 ]*(?:现在)?用户(?:需要|想要?|要求|希望|让我?|请求|给了?)[^。\n]{0,40}"
    "(?:摘要|两句|句话|改写|文本|文章|写|生成)",
    "(?:好的|嗯|首先|那么|现在|好)?[，,、。 ]*我?(?:现在)?(?:需要|要|得|应该|来)(?:写|生成|先|帮|为|给|替)"
    r"[^。\n]{0,30}(?:用户|摘要|两句|句话)",
    "(?:まず|では|さて|はい)?[、, ]*ユーザー(?:は|が|の)[^。\n]{0,40}(?:要約|要旨|文章|求め|依頼|要求|書)",
]
_LOOSE = [
    rf"{_MUSING}+(?:so[ ,]+)?(?:the user|l'utilisateur|der nutzer|el usuario)(?:'s)?\b"
    r"(?! (?:manual|interface|guide|account|name|group|menu))",
    rf"{_STARTER}*(?:the )?user {_ASKED} (?:me|us)\b",
    rf"{_STARTER}*let(?: me|'s| us) (?:think (?:step|about (?:what|how|the|this)|through|carefully)|brainstorm|parse"
    r"|break (?:this|it) down|figure out (?:how|what) to (?:write|say|do)|consider the (?:task|prompt|request|label)"
    rf"|outline|analy[sz]e (?:the|this) (?:task|prompt|request))\b",
    rf"{_STARTER}*(?:here(?:'s| is) (?:a|my|the) )?(?:my )?(?:thinking|thought|reasoning)(?: process)?"
    r"(?:\*\*)?\s*(?::|\.\.\.|…|\n)",
    "(?:好的|嗯|首先|那么|现在)?[，,、。 ]*让我(?:想想|思考|分析)",
]
_BEFORE = r"\W*(?:analysis:\W*)?"
_IN_DOC = re.compile(_BEFORE + any_of(*_STRICT), re.IGNORECASE)
_ANYWHERE = re.compile(_BEFORE + any_of(*_STRICT, *_LOOSE), re.IGNORECASE)
_THEN_ANSWER = re.compile(
    r"\W*(?:reasoning|thinking|thoughts?|analysis|rationale|plan)(?: process)?\W*:.*\n\s*[#*]*\s*(?:final )?"
    r"(?:answer|abstract|output|response|text)\s*\**\s*:\s*\**\s*(?=\S)",
    re.IGNORECASE | re.DOTALL,
)

# ---- lead-ins and trailing chat --------------------------------------------------------------

_YES = (
    "(?:(?:sure|okay|ok|of course|absolutely|certainly|yes|great|alright|all right|no problem|got it|gladly|understood"
    r"|thanks?(?: you)?)(?: thing)?[ ,.!:–—-]+)"
)
_NAMED = (
    "(?:abstract|version|text|paraphrase|rewrite|rewriting|document|description|summary|sentences|answer|output|json"
    "|result|example|response)"
)
_GENRE = (
    f"(?:{_NAMED}|review|ticket|report|note|message|email|letter|post|article|news item|story|complaint|paragraph|entry"
    "|comment|one)"
)
_ENDS = r"(?::|\n)"
_LEADS_IN_DOC = [
    rf"{_YES}*(?:here is|here's|here are|below is) (?:an?|the|your|my)\b[^\n:.]{{0,80}}\b{_NAMED}\b"
    rf"[^\n:.]{{0,80}}{_ENDS}",
    rf"the following (?:is|are)\b[^\n:.]{{0,120}}{_NAMED}[^\n:.]{{0,120}}{_ENDS}",
    rf"(?:this|it) is (?:a|the|your|my)\b[^\n:.]{{0,80}}(?:abstract|paraphrase|rewritten|rewrite)"
    rf"[^\n:.]{{0,80}}{_ENDS}",
    rf"(?:the|your|my) (?:\w+ ){{0,2}}{_NAMED} (?:reads|is|goes)(?: as follows)?\s*{_ENDS}",
    r"(?:好的|当然|当然可以|没问题)?[，,！!。 ]*(?:以下是|下面是|这是)[^\n：:]{0,40}[\n：:]",
    r"(?:はい|承知しました|もちろんです)?[、。, ]*(?:以下は|以下に|以下が|こちらが)[^\n：:]{0,40}[\n：:]",
    r"(?:(?:klar|natürlich|gerne?|sicher|gut)[ ,.!]+)?hier (?:ist|sind|kommt)\b[^\n:.]{0,80}(?:zusammenfassung|text"
    rf"|fassung|abstract|version|antwort|beschreibung)[^\n:.]{{0,60}}{_ENDS}",
    r"(?:(?:claro|por supuesto|bien|vale)[ ,.!¡]+)?(?:aquí (?:tienes|está|tiene|va)|a continuación)[^\n:.]{0,80}"
    rf"(?:resumen|texto|versión|respuesta|descripción|paráfrasis)[^\n:.]{{0,60}}{_ENDS}",
    r"(?:(?:bien sûr|d'accord|volontiers)[ ,.!]+)?(?:voici|voilà)[^\n:.]{0,80}(?:résumé|texte|version|réponse"
    rf"|description)[^\n:.]{{0,60}}{_ENDS}",
]
_LEADS_ANYWHERE = [
    rf"{_YES}*(?:here is|here's|below is)(?:\s*$| (?:an?|the|your|my|another)\b[^\n:.]{{0,80}}\b{_GENRE}\b"
    r"[^\n:.]{0,80}(?::|\n|[–—-] |$))",
    rf"{_YES}+(?:below|the following|this is|i(?:'ve| have|'ll| will|'d| would) (?:{MAKE}|be happy)|happy to"
    rf"|let me {MAKE})[^\n:]{{0,160}}{_ENDS}",
    rf"here (?:are|you go|it is)\b[^\n:]{{0,120}}{_ENDS}",
    rf"below (?:are the|you)\b[^\n:]{{0,160}}{_ENDS}",
    rf"i(?:'ve| have) (?:(?:re)?written|put together|prepared|drafted|created|composed)\b[^\n:.]{{0,60}}"
    rf"(?:\b{_GENRE}\b|following|for you)[^\n:.]{{0,60}}{_ENDS}",
    rf"as (?:you )?(?:asked|requested)[^\n:]{{0,80}}\b{_GENRE}\b[^\n:]{{0,60}}{_ENDS}",
    r"(?:sure|of course|no problem|understood|gladly|certainly)(?: thing)?!\s",
    r"(?:absolutely|great|yes|sure|okay|of course|certainly|alright)[!.,]?[ ]*\n",
    rf"ecco (?:il|un|la|una)\b[^\n:.]{{0,60}}(?:riassunto|testo|abstract|versione)[^\n:.]{{0,60}}{_ENDS}",
]
_LEAD_IN_DOC = re.compile(any_of(*_LEADS_IN_DOC), re.IGNORECASE)
_LEAD_IN = re.compile(any_of(*_LEADS_IN_DOC, *_LEADS_ANYWHERE), re.IGNORECASE)
# a word of agreement that a sentence of its own follows; "Absolutely! I'd buy it again" is one thing
_AGREED = re.compile(
    r"(?:sure|okay|ok|of course|certainly|understood|got it|no problem|gladly|alright)(?: thing)?\. +(?=[A-Z0-9\"“])"
    r"|(?:klar|natürlich|gerne|claro|por supuesto|bien sûr)[!.] +(?=[A-ZÀ-Ý])",
    re.IGNORECASE,
)
_CHAT = any_of(
    r"i hope you find (?:this|it) (?:useful|helpful)\b[^.!?\n]{0,40}",
    r"i(?:'d| would|'ll| will) be (?:happy|glad) to (?:revise|adjust|chang|modif|rewrit|make (?:any |further )?changes)"
    r"[^.!?\n]{0,100}",
    r"(?:does|is) (?:this|that|it) (?:meet your|match what you|fit your|what you (?:wanted|had|were))[^.!?\n]{0,60}",
    r"(?:this|the above) (?:abstract|text|paraphrase|version|document) (?:meets|follows|adheres to|stays within)\b"
    r"[^\n]{0,160}",
    r"(?:total )?words:? \(?\d+",
    r"\d+ words",
    r"i hope (?:this|that|it) (?:helps?|meets?|works|is (?:what|helpful)|fits|satisfies|suits)\b[^.!?\n]{0,80}",
    r"hope (?:this|that) (?:helps|meets)\b[^.!?\n]{0,40}",
    r"(?:please )?(?:let me know|feel free to (?:ask|let me))\b[^.!?\n]{0,40}?\b(?:another|adjust|chang|revis|modif"
    r"|different|further|anything else|more|rewrit|shorter|longer|me to)[^.!?\n]{0,100}",
    r"would you like me to[^.!?\n]{0,120}",
    r"(?:do you want|if you(?:'d| would)? (?:like|want|need)) (?:me to|another|any (?:changes|revisions|further)"
    r"|a different)[^.!?\n]{0,160}",
    r"is there anything else[^.!?\n]{0,80}",
    r"feel free to (?:modif|adjust|edit|chang|tweak|use|adapt|revis)[^.!?\n]{0,80}",
    r"if you (?:need|want|have) (?:any )?(?:other|more|further|additional)\b[^.!?\n]{0,60}(?:ask|know|help)\b"
    r"[^.!?\n]{0,40}",
    r"(?:please )?(?:let me know|just ask|feel free to ask)(?: if you (?:need|want|have)[^.!?\n]{0,60})?",
    r"(?:disclaimer|please note|note|caution)\s*:?\s*(?:that )?(?:i am|i'm|as) an? (?:ai|artificial|language model)"
    r"\b[^\n]{0,300}",
    r"(?:user|human):\s[^\n]{0,300}(?:assistant|ai|model):[\s\S]*",
    r"ich hoffe,? (?:das|dies|dass|der text|die zusammenfassung)[^.!?\n]{0,80}",
    r"(?:lass|lassen sie) (?:es )?mich[^.!?\n]{0,20} wissen[^.!?\n]{0,80}",
    r"(?:wenn|falls) (?:du|sie) [^.!?\n]{0,60}(?:brauch|möchte|wünsch)[^.!?\n]{0,80}",
    r"espero que (?:esto|este|te|le)\b[^.!?\n]{0,80}",
    r"(?:¿)?(?:hay algo más|necesitas|quieres que|si (?:necesitas|quieres))[^.!?\n]{0,80}",
    r"j'espère que (?:cela|ça|ce)\b[^.!?\n]{0,80}",
    r"note\s*(?:that|:)\s*(?:that )?(?:i(?:'ve| have)?\b|(?:this|the above|the rewritten|the) "
    r"(?:abstract|text|paraphrase|version|document|summary|description)\b)[^\n]{0,300}",
    r"(?:this|the above) (?:abstract|text|paraphrase|version|document) (?:is|has|contains|consists of|uses) "
    r"(?:about |exactly |approximately )?(?:\d+ words|(?:two|three|\d+) sentences|within)[^\n]{0,160}",
    r"(?:total )?word count\s*[:=]?\s*\(?\d+[^\n]{0,40}",
)
_COUNT = (
    r"(?:(?:two|three|\d+) sentences, )?"
    r"(?:(?:(?:total )?word count|words|about|approx\w*\.?|total)\s*[:=~]?\s*\d+(?: words?)?"
    r"|~?\d+ (?:words?|wörter|worte|palabras|mots|parole))(?: in all| in total| total)?"
)
_MARKS = r"[\s*_(\[–—-]{0,8}"
_BEHIND = r"(?:(?<=[.!?。！？)\]\"”*])|(?<=\n)|(?<=[.!?。！？] ))"
_COUNTS = [
    rf"\s*[(\[*_]{{1,4}}\s*{_COUNT}\s*[)\]*_]{{1,4}}\.?\s*\Z",
    r"\s*[（(]\s*(?:共|约|全文)*\s*\d+\s*(?:个)?(?:字|文字|词)\s*[)）]\s*\Z",
]
_TAIL = re.compile(
    any_of(
        rf"{_BEHIND}{_MARKS}(?:{_CHAT}[.!?)\]*_]{{0,4}}\s*)+\Z",
        r"(?<=[。！？\n])\s*(?:希望(?:这|以上|对您|对你)[^。！\n]{0,30}[。！!]?|如(?:果您?|需|有)[^。！\n]{0,40}[。！!]?)+\s*\Z",
        r"(?<=[。！？\n])\s*(?:お役に立て[^。！\n]{0,30}|ご(?:不明|質問|要望)[^。！\n]{0,40})[。！]?\s*\Z",
        *_COUNTS,
    ),
    re.IGNORECASE,
)
# behind a text within a closed <doc>: what speaks of the text itself
_NOTE = (
    r"(?:(?:this|the above) (?:abstract|text|paraphrase|version|document) (?:meets|follows|adheres to|stays within|has"
    r"|contains|consists of) [^.\n]{0,60}(?:words|sentences|requirements|instructions|limit)[^.\n]{0,60}"
    r"|(?:total )?word count\s*[:=]\s*\(?\d+[^\n]{0,20}"
    r"|note\s*(?:that|:)\s*(?:that )?i(?:'ve| have) (?:kept|written|rewritten|rephrased|paraphrased)\b[^\n]{0,200}"
    r"|let me know if you(?:'d| would)? (?:like|want|need) [^.!?\n]{0,40}(?:rewrit|rephras|another (?:text|version))"
    r"[^.!?\n]{0,60})"
)
_TAIL_IN_DOC = re.compile(any_of(rf"{_BEHIND}{_MARKS}(?:{_NOTE}[.!?)\]*_]{{0,4}}\s*)+\Z", *_COUNTS), re.IGNORECASE)


def is_reasoning(text: str, enclosed: bool = False) -> bool:
    """Whether a text begins as reasoning about the task does. enclosed: a model put it into a <doc> and closed it."""
    return bool((_IN_DOC if enclosed else _ANYWHERE).match(beginning(text)))


def answer_behind_reasoning(text: str) -> str | None:
    """What follows "Reasoning: ... Answer:", or None."""
    found = _THEN_ANSWER.match(text)
    return text[found.end() :] if found else None


def is_lead_in(text: str, enclosed: bool = False) -> bool:
    """Whether a text begins with a phrase that announces the document. enclosed: as in `is_reasoning`."""
    return bool((_LEAD_IN_DOC if enclosed else _LEAD_IN).match(beginning(text).lstrip("\"'* ")))


def without_agreement(text: str) -> str:
    """A text without an "Okay." that answers the request."""
    return _AGREED.sub("", text, count=1) if _AGREED.match(text) else text


def without_tail(text: str, enclosed: bool = False) -> str:
    """A text without what a chat adds behind a document: offers, notes on the task, a count of words.

    enclosed: as in `is_reasoning`; there an offer or a note belongs to the text unless it speaks of the text.
    """
    pattern = _TAIL_IN_DOC if enclosed else _TAIL
    while True:
        place = max(0, len(text) - ENDING)
        found = pattern.search(text, place)
        if found is None or not text[: found.start()].strip():
            return text
        text = text[: found.start()].rstrip()
