"""Served models, against a server on this machine that speaks the real protocol and goes wrong on demand."""

import json
import socket
import time
from email.utils import formatdate

import pytest
from chat_server import MODEL, serving
from generation_fixture import PROMPTS, corpus, job, pool
from test_labelling import ASK, BOTH
from test_labelling import corpus as labelled_corpus

from volfid.core.exits import ConfigError, RetryError, UnavailableError, VolfidError
from volfid.core.schemas import CONTRACTS
from volfid.generation.engines import calls, make_engine
from volfid.generation.engines.base import ChoiceRequest, EngineRequest, engine_settings
from volfid.generation.engines.calls import Server
from volfid.generation.engines.openai import read_server, said, without_beginning
from volfid.generation.labelling_run import run_labelling
from volfid.generation.runner import run_job

VARIABLE = "VOLFID_TEST_SERVER_KEY"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(calls, "FIRST_WAIT_S", 0.01)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def entry(url: str, chat=None, **server) -> dict:
    return {
        "name": "served", "engine": "openai", "max_model_len": 1024, "chat": chat or {"system": None},
        "server": {"url": url, "model": MODEL, "retries": 3, **server},
    }  # fmt: skip


def started(url: str, **server):
    engine = make_engine(engine_settings(entry(url, **server), 8), None)
    engine.start()
    return engine


def ask(number=0, prefix="<doc>A device", stop=("</doc>", "<doc>", "\n"), max_tokens=60) -> EngineRequest:
    return EngineRequest(f"r{number}", f"Write number {number}.", prefix, 100 + number, 0.8, 0.95, max_tokens, stop)


def answers(engine, *requests):
    beats = []
    return engine.generate(requests, lambda: beats.append(1)), beats


def test_a_request_carries_what_the_job_decides_and_the_answer_comes_back_whole():
    with serving() as server:
        (first, second), beats = answers(started(server.url), ask(1), ask(2))
        bodies = sorted(server.seen, key=lambda body: body["seed"])
    for body, number in zip(bodies, (1, 2), strict=True):
        assert body["path"] == "/v1/chat/completions" and body["key"] is None
        assert (body["model"], body["seed"], body["n"], body["stream"]) == (MODEL, 100 + number, 1, False)
        assert (body["temperature"], body["top_p"], body["max_tokens"]) == (0.8, 0.95, 60)
        assert "stop" not in body  # a tag or a line end may stand before the last text of an answer
        (turn,) = body["messages"]
        assert turn["role"] == "user" and turn["content"].startswith(f"Write number {number}.")
        assert turn["content"].endswith("exactly these words: <doc>A device")
    assert first.text != second.text and first.opened and first.finish_reason == "stop"
    assert first.text.startswith(" The ") and first.text.endswith("</doc>")
    assert first.token_ids is None and first.completion_tokens > 5 and first.prompt_tokens > 5
    assert len(beats) >= 2


def test_what_stands_behind_the_first_doc_comes_back_and_only_stops_that_are_no_tags_are_sent():
    whole = "<think>Between <doc> and </doc>.</think><doc>It turns.</doc>\nRevised:\n<doc>It runs.</doc>"
    with serving(lambda n, body: {"message": {"role": "assistant", "content": f"{whole} END more"}}) as server:
        asked = [ask(1), ask(2, stop=("</doc>", "END"))]
        made, _ = answers(started(server.url, parallel=1), *asked)
        bodies = server.seen
    assert [body.get("stop") for body in bodies] == [None, ["END"]]
    assert [one.text for one in made] == [f"{whole} END more", f"{whole} "]


def test_where_the_server_can_go_on_from_a_begun_answer_it_is_asked_to():
    with serving() as server:
        (made,), _ = answers(started(server.url, answer="begun", body={"top_k": 0}), ask())
        (body,) = server.seen
    assert body["messages"][-1] == {"role": "assistant", "content": "<doc>A device"}
    assert body["continue_final_message"] is True and body["add_generation_prompt"] is False
    assert body["stop"] == ["</doc>", "<doc>", "\n"] and body["top_k"] == 0 and made.text.startswith(" The ")


def test_the_system_line_and_template_arguments_of_the_entry_are_sent():
    with serving() as server:
        own = entry(server.url, chat={"system": "Be brief.", "template_arguments": {"date_string": "26 Jul 2024"}})
        engine = make_engine(engine_settings(own, 8), None)
        engine.start()
        answers(engine, ask())
        (body,) = server.seen
    assert body["messages"][0] == {"role": "system", "content": "Be brief."}
    assert body["chat_template_kwargs"] == {"date_string": "26 Jul 2024"}


def test_answers_keep_the_order_of_the_requests_and_at_most_parallel_are_under_way():
    def slow_first(n, body):
        time.sleep(0.15 if body["seed"] == 100 else 0.01)
        return "ok"

    with serving(slow_first) as server:
        made, _ = answers(started(server.url, parallel=3), *(ask(i) for i in range(9)))
        again, _ = answers(started(server.url, parallel=1), *(ask(i) for i in range(9)))
        assert 1 < server.most <= 3
    assert [one.text for one in made] == [one.text for one in again] and len({one.text for one in made}) == 9


def test_429_is_waited_out_as_long_as_the_server_asks(monkeypatch, capsys):
    script = [(429, {"Retry-After": "7"}), (429, {"Retry-After": formatdate(time.time() + 40, usegmt=True)}), 429, "ok"]
    with serving(lambda n, body: script[n]) as server:
        waited = []
        api = Server(server.url, None, 5, 3, waited.append)
        beats = []
        body = {"model": MODEL, "seed": 1, "messages": [{"role": "user", "content": "x"}]}
        answer = api.post("chat/completions", body, lambda: beats.append(1), lambda one: "")
    assert answer["choices"] and len(server.seen) == 4
    # 7 s, then the date, then twice twice the first pause; each at most a tenth longer, in pieces with a beat each
    total = sum(waited)
    assert 7 + 38 <= total <= 1.1 * (7 + 41 + 0.1) and max(waited) <= 1 and len(beats) == len(waited) + 4
    assert "status 429" in capsys.readouterr().err


@pytest.mark.parametrize("fault", ["cut", "malformed", "drop", "no_usage", "no_choice", 500, 503])
def test_one_fault_of_the_server_is_tried_again_and_changes_nothing(fault):
    with serving() as server:
        whole, _ = answers(started(server.url), ask())
    with serving(lambda n, body: fault if n == 0 else "ok") as server:
        mended, _ = answers(started(server.url), ask())
        assert len(server.seen) == 2 and server.seen[0]["seed"] == server.seen[1]["seed"]
    assert mended == whole


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (500, UnavailableError, "status 500 told to fail"),
        (429, RetryError, "status 429"),
        ("cut", UnavailableError, "IncompleteRead"),
        ("malformed", UnavailableError, "not JSON"),
        ("no_usage", UnavailableError, "lacks choices, message, finish_reason or usage"),
        ({"finish_reason": "tool_calls"}, UnavailableError, "for the reason 'tool_calls'"),
    ],
)
def test_a_fault_that_stays_ends_after_the_tries_with_one_message(fault, kind, words):
    with serving(lambda n, body: fault) as server, pytest.raises(kind, match=words) as raised:
        answers(started(server.url, parallel=1), ask())
    assert len(server.seen) == 4 and raised.value.code == {RetryError: 75}.get(kind, 69) and raised.value.mend


def test_what_no_try_can_mend_is_not_tried_again():
    for status, kind, code in ((400, ConfigError, 78), (404, UnavailableError, 69), (403, UnavailableError, 69)):
        with serving(lambda n, body, status=status: status) as server, pytest.raises(kind) as raised:
            answers(started(server.url), ask())
        assert len(server.seen) == 1 and raised.value.code == code and "told to fail" in str(raised.value)
    with serving(lambda n, body: (429, {"Retry-After": "86400"})) as server, pytest.raises(RetryError):
        answers(started(server.url), ask())
    assert len(server.seen) == 1


def test_a_redirection_is_not_followed_because_the_key_would_travel():
    with serving() as other, serving(lambda n, body: (302, {"Location": f"{other.url}/models"})) as server:
        with pytest.raises(UnavailableError, match=r"status 302.*server\.url"):
            answers(started(server.url), ask())
        assert other.seen == []


def test_a_wrong_key_a_missing_variable_an_unknown_model_and_no_server_are_69_before_any_request(monkeypatch):
    with serving(key="right") as server:
        monkeypatch.delenv(VARIABLE, raising=False)
        with pytest.raises(UnavailableError, match=f"{VARIABLE} is not set"):
            started(server.url, key_variable=VARIABLE)
        monkeypatch.setenv(VARIABLE, "wrong")
        with pytest.raises(UnavailableError, match="status 401 Incorrect API key") as raised:
            started(server.url, key_variable=VARIABLE)
        assert "key_variable" in raised.value.mend and "wrong" not in str(raised.value)
        monkeypatch.setenv(VARIABLE, "right")
        engine = started(server.url, key_variable=VARIABLE)
        answers(engine, ask())
        assert server.seen[0]["key"] == "Bearer right" and "right" not in json.dumps(engine.describe())
    with serving(models=("another",)) as server, pytest.raises(UnavailableError, match="It has: another"):
        started(server.url)
    with serving() as server, pytest.raises(UnavailableError, match="status 404"):
        started(server.url.replace("/v1", "/v2"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(UnavailableError, match="ConnectionRefusedError") as raised:
        started(f"http://127.0.0.1:{port}/v1")
    assert raised.value.code == 69 and "running" in raised.value.mend


def test_a_server_that_never_answers_is_given_up_after_its_time():
    with serving(lambda n, body: "hang") as server:
        engine = started(server.url, timeout_s=1, retries=0)
        begun = time.monotonic()
        with pytest.raises(UnavailableError, match="timed out"):
            answers(engine, ask())
        assert time.monotonic() - begun < 10


def test_one_failure_stops_the_calls_that_have_not_begun():
    with serving(lambda n, body: 400 if n == 0 else "ok") as server:
        with pytest.raises(ConfigError):
            answers(started(server.url, parallel=1), *(ask(i) for i in range(20)))
        assert len(server.seen) <= 2


def test_how_an_answer_ended_is_told_as_it_was():
    ends = {"length": ("x y z", "length"), "content_filter": ("", "filtered"), "stop": ("I cannot.", "stop")}
    for reason, (text, expected) in ends.items():
        message = {"role": "assistant", "content": text or None, "refusal": None}
        with serving(lambda n, body, r=reason, m=message: {"finish_reason": r, "message": m}) as server:
            (made,), _ = answers(started(server.url), ask())
        assert (made.text, made.finish_reason, made.opened) == (text, expected, False)
    refusal = {"role": "assistant", "content": None, "refusal": "I'm sorry, no."}
    with serving(lambda n, body: {"message": refusal}) as server:
        (made,), _ = answers(started(server.url), ask())
    assert made.text == "I'm sorry, no." and made.refused


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": "<doc>It turns.", "reasoning_content": "Let me see"}, "<doc>It turns."),
        ({"content": None, "reasoning_content": "Let me see <doc>a draft"}, "<think>"),
        ({"content": " \n", "reasoning": "Let me see"}, "<think>"),
        ({"content": "", "thinking": "Let me see"}, "<think>"),
        ({"content": "", "reasoning_content": ""}, ""),
        ({"content": [{"type": "text", "text": "It "}, {"type": "text", "text": "turns."}]}, "It turns."),
        ({"content": [{"type": "thinking", "thinking": [{"text": "Hm"}]}, {"type": "text", "text": "It."}]}, "It."),
        ({"content": [{"type": "thinking", "thinking": [{"text": "Hm"}]}]}, "<think>"),
        ({"content": None}, ""),
    ],
)
def test_reasoning_in_a_field_of_its_own_is_no_text_and_alone_it_is_reasoning(message, text):
    assert said(message) == text
    whole = message | {"role": "assistant"}
    with serving(lambda n, body: {"finish_reason": "length", "message": whole}) as server:
        (made,), _ = answers(started(server.url), ask(prefix="<none>"))
    assert (made.text, made.finish_reason) == (text, "length")


def test_the_words_asked_for_are_taken_off_and_nothing_else():
    assert without_beginning("\n<doc>A device turns.", "<doc>A device") == (" turns.", True)
    assert without_beginning("<doc>The device turns.", "<doc>A device") == ("<doc>The device turns.", False)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"api_key": "x"}, "a key must not stand in a file"),
        ({"url": "127.0.0.1:8000"}, "no address"),
        ({"url": "http://me:secret@127.0.0.1/v1"}, "user or password"),
        ({"model": ""}, "model is missing"),
        ({"retry_times": 3}, "retry_times is unknown"),
        ({"retries": -1}, "expected 0 or more"),
        ({"timeout_s": "long"}, "timeout_s is 'long'"),
        ({"timeout_s": 400}, "less than stall_s"),
        ({"answer": "raw"}, "asked, begun"),
        ({"key_variable": "MY KEY"}, "not the name of a variable"),
    ],
)
def test_settings_that_mean_nothing_are_refused_before_any_request(change, words):
    own = entry("http://127.0.0.1:9/v1")
    own["server"] |= change
    with pytest.raises(ConfigError, match=words) as raised:
        make_engine(engine_settings(own, 8), None)
    assert "secret" not in str(raised.value)
    assert read_server({"url": "http://h/v1/", "model": "m"})["url"] == "http://h/v1"
    with pytest.raises(ConfigError, match="server"):
        engine_settings({"name": "a", "engine": "openai", "max_model_len": 10}, 8)


def test_yes_and_no_come_from_the_alternatives_to_the_first_token():
    prompts = ("Is it a walking aid?", "Is it red?")
    with serving() as server:
        engine = started(server.url)
        (made,) = engine.judge([ChoiceRequest("r", prompts, "", 5)], lambda: None)
        assert all(
            (body["max_tokens"], body["temperature"], body["top_logprobs"]) == (1, 0, 20) for body in server.seen
        )
        assert made.shares == (pytest.approx(2 / 3), None) and made.mass == pytest.approx(0.75 / 2)
        assert made.prompt_tokens == 8 and made.cached_tokens == 6
        with pytest.raises(ConfigError, match="begun"):
            engine.judge([ChoiceRequest("r", prompts, "<a>", 5)], lambda: None)
    with serving(lambda n, body: {"logprobs": None}) as server, pytest.raises(UnavailableError, match="probabilities"):
        started(server.url).judge([ChoiceRequest("r", prompts, "", 5)], lambda: None)


def test_a_job_runs_from_end_to_end_is_resumed_and_says_that_it_cannot_be_repeated(tmp_path):
    opened = [0]

    def script(n, body):
        opened[0] += 1
        if n == 3:
            return "cut"
        if n == 5:  # an answer in the model's own words
            text = "The housing holds a sensor and a lever, and a valve moves the outer shaft of another walking aid."
            return {"message": {"role": "assistant", "content": f"<doc>{text}</doc>"}}
        return "ok"

    def run(name, url):
        task = job(pool(requests=12), chunk=4)
        task["settings"]["engine"] = entry(url)
        return run_job(task, corpus(), prompts=PROMPTS, out_dir=tmp_path / name, chunk_store=tmp_path / "store")

    with serving(script) as server:
        first = run("a", server.url)
        asked = opened[0]
        again = run("b", server.url)
        assert opened[0] == asked  # every chunk came from the store
        CONTRACTS["generations"].check(first.rows, "rows")
        assert again.rows == first.rows and again.counts["chunks_reused"] == 3
        assert first.counts["accepted"] == 12 and first.counts["repairs"]["own_opening"] == 1
        assert first.counts["tokens_completion"] == sum(row["tokens_completion"] for row in first.rows) > 100
        assert first.engine["repeatable"] is False and "may give other text" in first.engine["not_repeatable_because"]
        assert first.engine["device"] == "served" and first.engine["server"]["model"] == MODEL
        own = next(row for row in first.rows if row["text"].startswith("The housing holds a sensor"))
        assert own["attempts"] == 1
    with serving(script) as other:  # another address may be another model
        assert run("c", other.url).counts["chunks_reused"] == 0


def test_labels_are_asked_of_a_served_model_too(tmp_path):
    with serving() as server:
        task = {
            "job_id": "labelling__served", "stage": "labelling", "label": "gpu_generate", "model": "served",
            "code": "c", "master_seed": 7, "items": BOTH,
            "settings": {"engine": entry(server.url), "labelling": ASK},
        }  # fmt: skip
        made = run_labelling(task, labelled_corpus(), prompts=PROMPTS, out_dir=tmp_path)
    CONTRACTS["answers"].check(made.rows, "rows")
    assert made.counts["failures"] < made.counts["questions"] == 5 * len(made.rows)
    assert made.engine["repeatable"] is False


def test_an_end_by_signal_is_not_held_up_by_a_server_that_asks_for_time(tmp_path):
    with serving(lambda n, body: (429, {"Retry-After": "120"})) as server:
        engine = started(server.url, parallel=2)
        begun, beats = time.monotonic(), []

        def beat():
            beats.append(1)
            if len(beats) == 6:
                raise VolfidError("told to stop", code=143)

        with pytest.raises(VolfidError, match="told to stop"):
            engine.generate([ask(i) for i in range(4)], beat)
        assert time.monotonic() - begun < 20
