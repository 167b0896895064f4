"""A served model is sent text of the study only after a yes; the plan says where, what and about how much."""

import pytest
from test_plan import ROOT, corpus, models, plan, raw

from volfid.core.exits import ParameterError, UnavailableError
from volfid.plan.design import Design
from volfid.plan.planner import read_methods
from volfid.plan.served import check_served

SERVER = {"url": "https://api.example.org:8443/v1", "model": "m", "key_variable": "OWN_KEY"}
SERVED = {"source": None, "engine": "openai", "revision": None, "server": SERVER}
YES = {"allow": True, "price": 2.5, "network": True}


def ask(design, monkeypatch=None, server=None, **changes):
    known = models(**(SERVED | {"server": SERVER | (server or {})}))
    made = plan(design, models=known)
    methods = read_methods(ROOT / "params/prompts")
    return check_served(Design.model_validate(design), made.jobs, corpus(), known, methods, 20, YES | changes)


def test_one_line_names_host_text_forecast_and_mend():
    with pytest.raises(ParameterError) as raised:
        ask(raw(), allow=False)
    line = str(raised.value)
    assert "smollm2_135m at api.example.org:8443 is sent names and definitions of labels and real documents" in line
    assert "--allow_served true" in line and "\n" not in line and " requests, " in line and "2.5 a million" in line
    assert raised.value.code == 64


def test_after_a_yes_the_plan_tells_it_and_tokens_have_a_price_where_one_is_known(monkeypatch):
    monkeypatch.setenv("OWN_KEY", "secret")
    (line,) = ask(raw())
    tokens = int(line.split(" requests, ")[1].split()[0])
    assert f"{tokens * 2.5 / 1e6:.2f} at 2.5 a million" in line and "secret" not in line
    (plain,) = ask(raw(), price=None)
    assert "million" not in plain
    asked = sum(pool["requests"] for job in plan(raw()).jobs if job["stage"] == "generation" for pool in job["items"])
    assert int(plain.split("about ")[1].split()[0]) >= asked and tokens > 100 * asked


def test_a_key_that_is_not_set_and_containers_without_network_are_told_before_anything_is_asked(monkeypatch):
    monkeypatch.delenv("OWN_KEY", raising=False)
    with pytest.raises(UnavailableError, match="OWN_KEY with the key of smollm2_135m is not set"):
        ask(raw())
    with pytest.raises(ParameterError, match="have no network"):
        ask(raw(), network=False)
    assert ask(raw(), server={"key_variable": None})


def test_a_password_in_an_address_is_not_printed_and_local_models_need_no_yes():
    with pytest.raises(ParameterError) as raised:
        ask(raw(), server={"url": "https://me:word@api.example.org/v1"}, allow=False)
    assert "word" not in str(raised.value).replace("words", "")
    made, known = plan(raw()), models()
    assert check_served(Design.model_validate(raw()), made.jobs, corpus(), known, {}, 20, YES | {"allow": False}) == []
