"""How models open an answer that is no document (reasoning, refusals, lead-ins), and how they close one.

Patterns stand at the beginning (or end) and name the task: honest texts are written in the first person, too, and begin
with "Okay, so I bought" or "I cannot log in".
"""

import re

BEGINNING, ENDING = 400, 800  # characters in which a text shows what it is, and what stands behind it


def _any(*alternatives: str) -> str:
    return f"(?:{'|'.join(alternatives)})"


_THING = (
    "(?:abstract|sentence|text|content|document|description|summary|paraphrase|rewrite|version|prompt|instruction"
    "|story|article|review|post|ticket|report|note|advice|information|response|answer|material|topic|subject)s?"
)
_MAKE = (
    "(?:(?:writ|generat|provid|creat|produc|compos|draft|craft|invent|paraphras|rewrit|rephras|describ|summari[sz]"
    "|output)(?:e|es|ing)?|com(?:e|ing) up with)"
)

# ---- reasoning without a tag -----------------------------------------------------------------

_STARTER = (
    "(?:(?:okay|ok|alright|all right|h?mm+|ah|right|so|well|sure|now|first(?:ly)?|wait|got it|gotcha|great|good)"
    "[ ,.!:;…–—-]+)"
)
_ASKED = (
    "(?:wants?|asks?|asked|is asking|needs?|requested|requests?|requires?|provided|gave|has (?:asked|given|provided)"
    "|would like)"
)
_LIMIT = (
    r"(?:(?:two|three|one|\d+) sentences|\d+ ?(?:to|-|–|and) ?\d+ words|no title|no list|words in all|<doc>"
    "|the (?:prompt|instruction|constraint)s?)"
)
_SHOULD = (
    "(?:need to|have to|should|must|want to|will|can|am (?:asked|supposed|going|told) to|are (?:asked|supposed|told) to"
    "|was asked to)"
)
_REASONING = re.compile(
    r"\W*(?:analysis:\W*)?"
    + _any(
        rf"{_STARTER}+(?:so[ ,]+)?(?:the user|l'utilisateur|der nutzer|el usuario)(?:'s)?\b",
        rf"{_STARTER}*(?:the )?user {_ASKED} (?:me|us)\b",
        rf"{_STARTER}*(?:(?:the )?user|they|the request is (?:for|to)|to write (?:this|the)) ?{_ASKED}?\b[^.\n]{{0,80}}"
        rf"(?:\b(?:abstract|paraphrase|rewrit\w+|sentences)\b|{_LIMIT})",
        rf"{_STARTER}*let(?: me|'s| us) (?:think|brainstorm|analy[sz]e|outline|{_MAKE}|break (?:this|it) down|parse"
        r"|figure out (?:how|what) to|consider the (?:task|prompt|request|label))\b",
        rf"{_STARTER}*we (?:need|have|should|must|are (?:asked|told|given|supposed)) (?:to )?"
        rf"(?:{_MAKE}|respond|answer|follow|make sure|think)\b",
        rf"{_STARTER}*(?:(?:i|we) {_SHOULD}|i'll|we'll|i'm (?:going|asked|supposed) to|(?:the|my) task is to|task:"
        rf"|goal:) (?:{_MAKE}|identify|analy[sz]e|begin by|start by|name)\b[^.\n]{{0,120}}"
        rf"(?:\b(?:abstract|paraphrase|sentences)\b|{_LIMIT})",
        rf"{_STARTER}*(?:here(?:'s| is) (?:a|my|the) )?(?:my )?(?:thinking|thought|reasoning)(?: process)?"
        r"(?:\*\*)?\s*(?::|\.\.\.|…|\n)",
        "(?:好的|嗯|首先|那么|现在)?[，,、。 ]*(?:用户|让我(?:想|思考|分析)|我需要(?:写|生成|先))",
        r"(?:まず|では|さて)?[、, ]*ユーザー",
    ),
    re.IGNORECASE,
)

# ---- refusals --------------------------------------------------------------------------------

_SORRY = (
    r"(?:(?:i'?m|i am|we'?re|we are) (?:\w+ )?(?:sorry|afraid)|sorry|(?:my )?apologies|(?:i|we) (?:\w+ )?apologi[sz]e"
    "|unfortunately|regrettably|i regret)"
)
_THEN = r"[ ,.;:—–!-]+(?:but |that |however,? |to (?:say|inform you) (?:that )?)?"
_POLITE = r"(?:(?:thank you for|thanks for|i understand|i appreciate)[^.\n]{0,100}?[,.]? +(?:(?:but|however),? )?)?"
_UNABLE = (
    r"(?:i|we)(?:'m| am|'re| are)?(?: (?:\w+ly|just|also|still))? ?(?:cannot|can't|can not|cant|could not|couldn't"
    "|won't(?: be able to)?|will not(?: be able to)?|do not|don't|(?:not )(?:able|permitted|allowed|designed"
    "|programmed|going|comfortable|in a position)(?: to)?|unable to|would (?:rather|prefer) not(?: to)?|prefer not to"
    "|(?:do not|don't) feel comfortable|lack the ability to)"
)
_DECLINE = r"(?:i|we)(?: (?:must|have to|need to|will|would))?(?: \w+ly)? (?:decline|refuse)"
_STOP = r"(?=\s*(?:$|[.,;:!]))"
_OF = (
    r"(?=\s*(?:$|[.,;:!]|(?:about|on|that|which|for|with|describing|of this|based|involving|regarding|containing|as|due"
    r"|here)\b))"
)
_ACT = _any(
    "(?:help|assist|continue|engage|proceed|comply)(?:ing)?(?: you)?(?: with| in| on| further)?"
    rf"(?={_STOP}|\s+(?:that|this|the request|your|such|{_MAKE}|any|it)\b)",
    r"(?:fulfil\w*|complete|process|answer|respond to|accommodate|grant)(?:ing)? (?:this|that|your|the|such)\b"
    r"[\w ]{0,20}?(?:request|prompt|topic|question|task)",
    r"do(?:ing)? (?:that|this|so)\b",
    rf"{_MAKE} (?:this|that|it|such|anything)(?: one)?(?:{_STOP}| (?:kind|type|abstract|text|content|request)\b)",
    rf"{_MAKE}(?: [\w-]+){{0,5}}? {_THING}{_OF}",
    r"(?:discuss(?:ing)?|writ(?:e|ing) about) (?:this|that|such)\b",
)
_AI = "(?:ai|artificial intelligence|language model|large language model|llm|chatbot|virtual assistant)"
_REFUSAL = re.compile(
    r"\W*(?:(?:no|hello|hi|well|hmm)[ ,.!]+)?"
    + _any(
        rf"{_SORRY}{_THEN}{_UNABLE} *(?:[\w-]+ ){{0,3}}?"
        rf"(?:{_ACT}|(?:{_MAKE}|help|assist|comply|fulfil|provide|answer)\b|[.!]|$)",
        rf"{_SORRY} for (?:the|any) (?:confusion|misunderstanding|inconvenience)",
        rf"{_SORRY}{_THEN}[^.\n]{{0,80}}?(?:not something i|goes against|violates?|against my|inappropriate|{_DECLINE}"
        "|my (?:guidelines|polic|programming)|(?:this|that|your) request|cannot be fulfilled)",
        rf"{_SORRY}[ ,.;:—–!-]*(?:\w+[ ,.!']*){{0,2}}$",
        rf"{_POLITE}{_UNABLE} *(?:in good conscience )?{_ACT}",
        rf"{_POLITE}{_DECLINE}(?:{_STOP}| (?:to (?:{_MAKE}|help|assist|answer|do|engage|fulfil\w*|comply|respond"
        r"|participate|continue)|this|that|your|the request|such)\b)",
        rf"as an?(?: [\w-]+)? {_AI}\b",
        rf"as an? {_AI}\b",
        rf"i(?:'m| am) (?:just |only )?an?(?: \w+)? {_AI}\b",
        rf"i(?:'m| am) (?:just |only )?an? {_AI}\b",
        "(?:this|that|your|the) request (?:cannot be|can't be|goes against|violates|is (?:not (?:something|appropriate)"
        "|inappropriate|against))",
        rf"i(?:'m| am) (?:claude|chatgpt|gemini|gpt|grok|llama|qwen)\b[^.\n]{{0,60}}\b{_AI}?",
        rf"it (?:seems|looks|appears)\b[^.\n]{{0,80}}\b{_UNABLE} *(?:{_ACT}|{_MAKE} about\b)",
        r"it (?:seems|looks|appears) (?:like |that )?(?:you|there is|the text)\b[^.\n]{0,40}"
        "(?:n't|not|no text|missing|empty)"
        r"[^.\n]{0,60}\b(?:provide|include|paste|text to)\b",
        r"(?:could|can|would) you (?:please )?(?:provide|share|give|specify|clarify|tell me)\b[^?\n]{0,120}"
        r"\b(?:paraphras\w+|rewrit\w+|rephras\w+|abstract|prompt)\b",
        r"please (?:provide|share|give me|paste)\b[^.\n]{0,80}"
        r"\b(?:paraphras\w+|rewrit\w+|rephras\w+|abstract|prompt)\b",
        "(?:it is|it's|it would be) (?:not (?:possible|appropriate)|inappropriate|impossible) for me to",
        "(?:that|this)(?: i|')s not something (?:that )?i(?: am|'m| can| will)",
        "(?:(?:非常|很|十分)?(?:抱歉|对不起|遗憾)|對不起|作为(?:一个|一名)?(?:AI|人工智能|语言模型)"
        "|我(?:无法|不能)(?:提供|生成|撰写|写|满足|协助|帮助|完成))",
        "(?:申し訳(?:ありません|ございません)|すみませんが|AIとして)",
        "(?:es tut mir leid|tut mir leid|entschuldigung)[ ,]+(?:aber )?(?:ich kann|dabei|das)",
        "(?:lo siento|lo lamento)[ ,]+(?:pero )?no puedo",
        "(?:je suis (?:vraiment )?désolée?|désolée?)[ ,]+(?:mais )?je ne",
    ),
    re.IGNORECASE,
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
_ENDS = r"(?::|\n)"
_LEAD_IN = re.compile(
    _any(
        "sure[,!.]? here",
        r"certainly(?:[\s,!.:;–—-]|$)",
        "here is",
        "here's",
        "below is",
        rf"{_YES}+(?:here|below|the following|this is|i(?:'ve| have|'ll| will|'d| would) (?:{_MAKE}|be happy)|happy to"
        "|let me)",
        "(?:sure|of course|absolutely|no problem|understood|gladly)(?: thing)?! ",
        rf"here (?:are|you go|it is)\b[^\n:]{{0,120}}{_ENDS}",
        rf"below (?:are|you)\b[^\n:]{{0,160}}{_ENDS}",
        rf"the following (?:is|are)\b[^\n:.]{{0,120}}{_NAMED}[^\n:.]{{0,120}}{_ENDS}",
        r"(?:this|it) is (?:a|the|your|my)\b[^\n:.]{0,80}(?:abstract|paraphrase|rewritten|rewrite)"
        rf"[^\n:.]{{0,80}}{_ENDS}",
        rf"i(?:'ve| have) (?:re)?written\b[^\n:]{{0,120}}{_ENDS}",
        rf"as (?:you )?(?:asked|requested)[^\n:]{{0,120}}{_ENDS}",
        r"(?:好的|当然|当然可以|没问题)?[，,！!。 ]*(?:以下是|下面是|这是)[^\n：:]{0,40}[\n：:]",
        r"(?:以下は|以下に|こちらが)[^\n：:]{0,40}[\n：:]",
    ),
    re.IGNORECASE,
)
_CHAT = _any(
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
    r"note\s*(?:that|:)\s*(?:that )?(?:i(?:'ve| have)?\b|(?:this|the above|the rewritten|the) "
    r"(?:abstract|text|paraphrase|version|document|summary|description)\b)[^\n]{0,300}",
    r"(?:this|the above) (?:abstract|text|paraphrase|version|document) (?:is|has|contains|consists of|uses) "
    r"(?:about |exactly |approximately )?(?:\d+ words|(?:two|three|\d+) sentences|within)[^\n]{0,160}",
    r"(?:total )?word count\s*[:=]?\s*\(?\d+[^\n]{0,40}",
)
_WORDS = (
    r"(?:(?:two|three|\d+) sentences, )?"
    r"(?:(?:(?:total )?word count|words|about|approx\w*\.?|total)\s*[:=~]?\s*\d+(?: words?)?|~?\d+ words?)"
    r"(?: in all| in total| total)?"
)
_MARKS = r"[\s*_(\[–—-]{0,8}"
_TAIL = re.compile(
    _any(
        rf"(?:(?<=[.!?。！？)\]\"”*])|(?<=\n)|(?<=[.!?。！？] )){_MARKS}(?:{_CHAT}[.!?)\]*_]{{0,4}}\s*)+\Z",
        rf"\s*[(\[*_]{{1,4}}\s*{_WORDS}\s*[)\]*_]{{1,4}}\.?\s*\Z",
        r"\s*[（(]\s*(?:共|约|全文)*\s*\d+\s*(?:个)?(?:字|文字|词)\s*[)）]\s*\Z",
    ),
    re.IGNORECASE,
)


def is_reasoning(text: str) -> bool:
    """Whether a text begins as reasoning about the task does."""
    return bool(_REASONING.match(_beginning(text)))


def is_refusal(text: str) -> bool:
    """Whether a text begins as a refusal of the task does."""
    return bool(_REFUSAL.match(_beginning(text)))


def is_lead_in(text: str) -> bool:
    """Whether a text begins with a phrase that announces the document."""
    return bool(_LEAD_IN.match(_beginning(text).lstrip("\"'* ")))


def without_tail(text: str) -> str:
    """A text without what a chat adds behind a document: offers, notes on the task, a count of words."""
    while True:
        place = max(0, len(text) - ENDING)
        found = _TAIL.search(text, place)
        if found is None or not text[: found.start()].strip():
            return text
        text = text[: found.start()].rstrip()


def _beginning(text: str) -> str:
    return text[:BEGINNING].replace("’", "'").replace("‘", "'").strip()
