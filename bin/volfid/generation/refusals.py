"""How models decline to write a text, or ask back instead of writing one.

What is meant names the act of writing, helping or complying: honest texts apologise, cannot log in and decline offers.
Inside a <doc> that a model closed itself, an act alone does not do; its object must be a text or the request.
"""

import re

from volfid.generation.wording import MAKE, any_of, beginning

_TEXT = (
    "(?:abstract|text|content|document|summary|paraphrase|rewrite|version|description|sentence|article|story|review"
    "|prompt|instruction|(?:medical|clinical|patient) (?:note|record|report)|medical advice|(?:support )?ticket"
    "|news (?:item|article|report))s?"
)
_THING = rf"(?:{_TEXT}|(?:post|report|note|record|advice|information|response|answer|material|topic|subject|example)s?)"
_FALSE = "(?:fake|fabricated|fictitious|fraudulent|false|misleading|harmful|made-up|deceptive|unsafe|inappropriate)"
_ASKED = "(?:request|prompt|task|topic|instructions?|question|conversation|query)"

_SORRY = (
    r"(?:(?:i'?m|i am|we'?re|we are) (?:\w+ )?(?:sorry|afraid)|sorry|(?:my )?apologies|(?:i|we) (?:\w+ )?apologi[sz]e"
    "|unfortunately|regrettably|i regret)"
)
_FOR = "(?: for (?:the|any) (?:confusion|misunderstanding|inconvenience))?"
_THEN = r"[ ,.;:—–!-]+(?:but |that |however,? |to (?:say|inform you) (?:that )?)?"
_POLITE = (
    r"(?:(?:(?:thank you for|thanks for|i understand|i appreciate|i notice|i see|i realize|i recognize|i know)\b"
    r"[^.\n]{0,120}?[,.;]? +(?:(?:but|however),? )?"
    r"|(?:for|due to|because of|given|out of|in line with|to protect) [^.,\n]{0,80}[,;] "
    r"|(?:i (?:should|must|need to|have to|want to)|let me|to) be (?:\w+ )?(?:upfront|up front|honest|clear|transparent"
    r"|direct|frank)\b[^.:;,\n]{0,30}[.:;,–—-]+ ?(?:but )?))?"
)
_UNABLE = (
    r"(?:i|we)(?:'m| am|'re| are|'d)?(?: (?:\w+ly|just|also|still))? ?(?:cannot|can't|can not|cant|could not|couldn't"
    "|won't(?: be able to)?|will not(?: be able to)?|do not|don't|(?:not )(?:able|permitted|allowed|designed"
    "|programmed|going|comfortable|willing|in a position)(?: to)?|unable to"
    "|(?:would )?(?:rather|prefer) not(?: to)?|prefer not to"
    "|(?:do not|don't) feel comfortable|lack the ability to|have to refrain from|must refrain from)"
)
_DECLINE = r"(?:i|we)(?: (?:must|have to|need to|will|would|'ll))?(?: \w+ly)? (?:decline|refuse)"
_STOP = r"(?=\s*(?:$|[.,;:!]))"
_OF = (
    r"(?=\s*(?:$|[.,;:!]|(?:about|on|that|which|for|with|describing|of (?:this|that)|based|involving|regarding"
    r"|containing|as|due|here|because|since)\b))"
)
_OF_REQUEST = rf"(?:(?:this|that|your|the|such an?|any such) (?:\w+ ){{0,2}}{_ASKED})\b"
# an act whose object is a text or the request
_OWN_ACT = any_of(
    rf"(?:help|assist|continue|engage|proceed|comply)(?:ing)?(?: you)?(?: further)? (?:with|in|on) {_OF_REQUEST}",
    rf"(?:help|assist)(?:ing)?(?: you)? (?:with |in )?{MAKE}\b",
    r"(?:fulfil\w*|complete|process|answer|respond to|accommodate|grant|satisfy|comply with|follow|meet)(?:ing)? "
    rf"{_OF_REQUEST}",
    rf"{MAKE} (?:this|that|such|any)(?: one)?(?:{_STOP}| (?:kind|type|sort|such|{_TEXT}|request)\b)",
    rf"{MAKE}(?: (?!another\b)[\w-]+){{0,5}}? {_TEXT}{_OF}",
    rf"(?:assist|comply)(?:ing)?(?: you)? with (?:that|this){_STOP}",
    rf"{MAKE}(?: [\w-]+){{0,3}}? {_FALSE} ",
    r"(?:fabricat|falsif)\w*\b",
)
_ACT = any_of(
    _OWN_ACT,
    rf"(?:help|assist|continue|engage|proceed|comply)(?:ing)?(?: you)?(?: further)?{_STOP}",
    r"(?:help|assist|engage|comply|proceed)(?:ing)?(?: you)? (?:with|in|on) (?:that|this|such|any|it)\b",
    rf"do(?:ing)? (?:that|this|so)(?:{_STOP}| (?:for you|as|because|since)\b)",
    rf"{MAKE}(?: it)(?: one)?{_STOP}",
    rf"{MAKE}(?: (?!another\b)[\w-]+){{0,5}}? {_THING}{_OF}",
    r"(?:discuss(?:ing)?|writ(?:e|ing) about) (?:this|that|such)\b",
)
_AI_NAME = "(?:ai|artificial intelligence|(?:large )?language model|llm|chatbot|virtual assistant)"
_AI = (
    rf"{_AI_NAME}(?=$|[.,;:!–—]| (?:language model|model|assistant|chatbot|system|i|and|that|who|so|without|created"
    "|made|developed|trained|designed|by)\\b(?! trade))"
)
_CANNOT_DE = any_of(
    r"(?:aber )?(?:dabei|damit|hierbei) kann ich (?:(?:ihnen|dir|leider|aber) )*nicht (?:\w+)?helfen",
    r"(?:(?:aber|leider|jedoch) )*ich kann (?:(?:ihnen|dir|leider|aber|hier) )*(?:bei|mit) (?:dieser|ihrer|der) "
    r"(?:anfrage|bitte)[^.\n]{0,30}nicht (?:\w+)?helfen",
    r"(?:(?:aber|leider|jedoch) )*(?:bei|mit) (?:dieser|ihrer|deiner) (?:anfrage|bitte|aufgabe) kann ich[^.\n]{0,30}"
    "nicht",
    r"(?:(?:aber|leider|jedoch) )*(?:ich kann|kann ich)(?: (?:ihnen|dir|leider|aber))* (?:dabei|damit|hierbei)"
    r"[^.\n]{0,20}nicht (?:\w+)?(?:helfen|dienen)",
    r"(?:(?:aber|leider|jedoch) )*(?:ich (?:kann|darf|werde)|(?:kann|darf|werde) ich)[^.\n]{0,40}?"
    r"(?:anfrage|texte?|inhalte?|zusammenfassung|bewertung|dokument)\b[^.\n]{0,50}"
    r"(?:erfüllen|schreiben|erstellen|verfassen|generieren|beantworten|bearbeiten|umschreiben)",
)
_CANNOT_ES = any_of(
    r"(?:no puedo|no me es posible|no poder|no me está permitido) (?:\w+ ){0,1}?"
    r"(?:ayudar(?:te|le|los)? (?:con|en) (?:eso|esto|ello|est[ae]|es[ae]|tu|su)\b"
    r"|(?:generar|escribir|crear|redactar|producir|elaborar|proporcionar|cumplir|atender|responder|resumir)\b[^.\n]{0,40}"
    r"\b(?:contenidos?|textos?|resumen|reseñas?|solicitud|petición|documentos?)\b)",
)
_CANNOT_FR = any_of(
    r"je ne (?:peux|puis|suis)(?: malheureusement)?(?: pas)?(?: en mesure de| autorisée? à)? ?(?:vous |t')?"
    r"(?:aider (?:avec|à|sur) (?:cela|ça|cette|ce|votre)\b"
    r"|(?:écrire|rédiger|générer|créer|fournir|produire|satisfaire|répondre|traiter|résumer)\b[^.\n]{0,40}"
    r"\b(?:contenus?|textes?|résumé|avis|demande|document)\b)",
)
_CANNOT_ZH = (
    r"(?:我|本人)?[^。，,\n]{0,6}?(?:无法|不能|不太方便|不便|不会|無法)(?:为您|为你|帮您|帮你|帮助您|继续|直接|协助您?)?(?:提供|生成|撰写|写|创作|满足|"
    r"协助|帮助|完成|改写|总结|回答|处理|回应)[^。，,！!\n]{0,20}?"
    r"(?:内容|请求|要求|摘要|文章|文本|文字|话题|主题|任务|类型|改写|总结)"
)
_CANNOT_JA = (
    r"[^。\n]{0,40}?(?:リクエスト|ご要望|ご依頼|その内容|この内容|要約|要旨|文章|テキスト|トピック|ご質問)[^。\n]{0,20}"
    r"(?:作成|生成|お答え|回答|お手伝い|対応|執筆|書く|応じ|お応え)[^。\n]{0,12}(?:ません|かねます)"
)
_STRICT = [  # each names the act and its object
    rf"{_SORRY}{_FOR}{_THEN}{_UNABLE} *(?:[\w-]+ ){{0,3}}?{_OWN_ACT}",
    rf"{_POLITE}{_UNABLE} *(?:in good conscience )?(?:be )?{_OWN_ACT}",
    rf"{_POLITE}{_DECLINE} (?:to {_OWN_ACT}|{_OF_REQUEST})",
    rf"{_SORRY}{_THEN}[^.\n]{{0,80}}?(?:{_DECLINE} (?:to {_OWN_ACT}|{_OF_REQUEST})|{_OF_REQUEST} (?:violates"
    "|goes against|is against|is inappropriate|cannot be fulfilled)|against my (?:guidelines|polic|programming)"
    r"|not something (?:that )?i(?: can|'m able| am)[^.\n]{0,30}(?:writ|help|generat|creat|do\b))",
    rf"as an?(?: [\w-]+)? {_AI}",
    rf"as an? {_AI}",
    r"as an? (?:responsible|helpful|harmless|honest|virtual|ethical|digital|ai)(?: \w+)? assistant\b",
    rf"i(?:'m| am) (?:just |only )?an?(?: \w+)? {_AI}",
    rf"i(?:'m| am) (?:just |only )?an? {_AI}",
    rf"{_OF_REQUEST} (?:cannot be fulfil|can't be fulfil|goes against (?:my|the) (?:guide|polic)|violates|is (?:not "
    "(?:something i|appropriate)|inappropriate|against my))",
    rf"i(?:'m| am) (?:claude|chatgpt|gemini|gpt|grok|llama|qwen)\b[^.\n]{{0,60}}\b{_AI_NAME}",
    rf"i (?:notice|see|understand|realize|recognize) (?:that )?{_OF_REQUEST} [^\n]{{0,200}}?(?:{_UNABLE}|{_DECLINE})",
    rf"{MAKE} [^.\n]{{0,80}}?(?:isn't|is not|wouldn't be|would not be) something (?:that )?i\b",
    # asking back
    rf"(?:of course|sure|certainly|absolutely)?[!,. ]*i(?:'d| would) (?:be (?:happy|glad|more than happy)|love) to "
    rf"(?:(?:help|assist)(?: you)?(?: with| in)? )?{MAKE}[^.!\n]{{0,40}}\b{_THING}[^\n]{{0,120}}?(?:could you|can you"
    r"|please|what |which |i(?:'ll| will)? need|do you|would you)",
    r"i(?:'ll| will|'d| would)? need (?:(?:a (?:bit|little|few)|some) )?more (?:info\w*|details?|context)\b"
    rf"[^.\n]{{0,60}}?(?:before i(?: can)?|so (?:that )?i can|(?:in order )?to) "
    rf"(?:(?:help|assist)(?: you)? )?(?:with )?{MAKE}\b",
    r"it (?:seems|looks|appears) (?:like |that |as if )?(?:the|your|any|no) (?:\w+ )?(?:labels?|texts?|topics?|prompt"
    r"|instructions?|abstract|passage|input|examples?|document)\b[^.\n]{0,40}\b(?:missing|empty|cut off|n't|not)\b"
    r"[^\n]{0,60}\b(?:your (?:message|prompt|request)|paste|provide|send|prompt)\b",
    r"it (?:seems|looks|appears) (?:like |that )?(?:you|there is|the text)\b[^.\n]{0,40}"
    r"(?:n't|not|no text|missing|empty)[^.\n]{0,60}\b(?:paraphras\w+|rewrit\w+|text to)\b",
    r"(?:could|can|would) you (?:please )?(?:provide|share|give|specify|clarify|tell me)\b[^?\n]{0,120}"
    rf"\b(?:paraphras\w+|rewrit\w+|rephras\w+|so (?:that )?i can {MAKE}|(?:the|your|a) prompt(?=[?.,]| for))",
    r"please (?:provide|share|give me|paste|send)\b[^.\n]{0,80}"
    rf"\b(?:paraphras\w+|rewrit\w+|rephras\w+|so (?:that )?i can {MAKE}|(?:the|your|a) prompt(?=[?.,]| for))",
    rf"(?:what|which) (?:\w+ ){{0,2}}(?:would you like|do you want) me to {MAKE}\b",
    rf"(?:what|which) (?:\w+ )?(?:topic|product|subject) should the {_THING} be about",
    rf"(?:\w+[!,.] )?please (?:provide|share|give me|send)\b[^.\n]{{0,80}}"
    rf"\byou(?:'d| would)? (?:like|want) me to {MAKE}\b",
    "作为(?:一个|一名)?(?:AI|人工智能|语言模型)",
    rf"(?:(?:非常|很|十分)?(?:抱歉|对不起|遗憾)|對不起|你好|您好|根据[^。\n]{{0,20}})?"
    rf"[，,。！! ]*(?:但是?|不过)?{_CANNOT_ZH}",
    "(?:你好|您好|抱歉|对不起)?[，,！! ]*(?:这|该|此)个?(?:问题|话题|请求)[^。\n]{0,6}(?:无法|不能)(?:回答|讨论|满足)",
    rf"(?:申し訳(?:ありません|ございません)|すみません)?(?:が)?[、。, ]*{_CANNOT_JA}",
    "AIとして",
    rf"(?:(?:es )?tut mir (?:sehr )?leid|entschuldigung|leider)?[ ,.]*{_CANNOT_DE}",
    rf"(?:(?:lo siento|lo lamento|lamento|disculpa|lamentablemente)[ ,.]+(?:mucho,? )?(?:pero )?)?{_CANNOT_ES}",
    rf"(?:(?:je suis (?:vraiment )?désolée?|désolée?|malheureusement)[ ,.]+(?:mais )?)?{_CANNOT_FR}",
]
_LOOSE = [
    rf"{_SORRY}{_FOR}{_THEN}{_UNABLE} *(?:[\w-]+ ){{0,3}}?(?:{_ACT}|[.!]|$)",
    rf"{_SORRY}{_THEN}[^.\n]{{0,80}}?(?:not something (?:that )?i can|{_OF_REQUEST}(?= (?:is|goes|violates)))",
    rf"{_SORRY}{_FOR}[ ,.;:—–!-]*(?:\w+[ ,.!']*){{0,2}}$",
    rf"{_POLITE}{_UNABLE} *(?:in good conscience )?{_ACT}",
    rf"{_POLITE}{_DECLINE}(?:{_STOP}| to (?:help|assist|engage|comply|respond|participate|continue){_STOP})",
    rf"it (?:seems|looks|appears)\b[^.\n]{{0,80}}\b{_UNABLE} *(?:{_ACT}|{MAKE} about\b)",
    rf"{_UNABLE} *{MAKE} about (?:this|that|such)\b",
    rf"(?:it is|it's|it would be) (?:not (?:possible|appropriate)|inappropriate|impossible) for me to {MAKE}",
    "(?:that|this)(?: i|')s not something (?:that )?i(?: am|'m| can| will)",
    "(?:非常|很|十分)?(?:抱歉|对不起|遗憾)[，,。 ]*(?:但是?)?我(?:无法|不能)[。！!]?$",
]
_BEFORE = r"\W*(?:(?:no|hello|hi|well|hmm)[ ,.!]+)?"
_IN_DOC = re.compile(_BEFORE + any_of(*_STRICT), re.IGNORECASE)
_ANYWHERE = re.compile(_BEFORE + any_of(*_STRICT, *_LOOSE), re.IGNORECASE)


def is_refusal(text: str, enclosed: bool = False) -> bool:
    """Whether a text begins as a refusal of the task does, or as a question back.

    enclosed: whether a model put it between <doc> and </doc> itself.
    """
    return bool((_IN_DOC if enclosed else _ANYWHERE).match(beginning(text)))
