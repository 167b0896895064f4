"""Served models: where the text of a study would go, what it would cost, and whether the user has said yes."""

import os
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from volfid.core.exits import ParameterError, UnavailableError
from volfid.plan.cost import served_work
from volfid.plan.design import Design

SENT = {"labelling": "real documents", "checks": "synthetic and real documents"}
SHOWN = {"labels": "names and definitions of labels", "parent": "real documents", "exemplars": "real documents"}


def check_served(
    design: Design, jobs: Sequence[Mapping[str, Any]], corpus: Mapping[str, Any], models: Mapping[str, Any],
    methods: Mapping[str, Any], labels: int, allowed: Mapping[str, Any],
) -> list[str]:  # fmt: skip
    """A line for each served model that the plan asks: host, text, requests, tokens, cost.

    allowed: `allow` (--allow_served), `price` (of a million tokens, or None), `network` (whether tasks have one).
    Raises ParameterError (64) where nobody has allowed it or tasks have no network, UnavailableError (69) where the
    variable with the key is not set.
    """
    named = sorted({str(job["model"]) for job in jobs if job["stage"] in ("generation", *SENT)})
    lines = []
    for name in named:
        entry = models["generators"].get(name, {})
        if entry.get("engine") != "openai":
            continue
        server = entry.get("server") or {}
        host = urlsplit(str(server.get("url"))).netloc.rpartition("@")[2] or "an address that is missing"
        requests, tokens = served_work(name, design, jobs, corpus, models, labels)
        price = allowed.get("price")
        cost = f", {tokens / 1e6 * price:.2f} at {price:g} a million" if price is not None else ""
        line = (
            f"served: {name} at {host} is sent {_texts(name, jobs, methods)}: about {requests} requests, "
            f"{tokens} tokens read and written{cost}"
        )
        if not allowed["allow"]:
            raise ParameterError(line, mend="Allow it with --allow_served true, or take the model out of the design")
        if not allowed["network"]:
            raise ParameterError(
                f"{name} is served at {host}, and the containers of this run have no network",
                mend="Give them one: --task_network bridge, or host for a server on this machine",
            )
        key = server.get("key_variable")
        if key and not os.environ.get(str(key)):
            raise UnavailableError(
                f"the variable {key} with the key of {name} is not set", mend=f"Put the key into it: export {key}=..."
            )
        lines.append(line)
    return lines


def _texts(name: str, jobs: Sequence[Mapping[str, Any]], methods: Mapping[str, Any]) -> str:
    """What leaves for a model, in words."""
    found = []
    for job in jobs:
        if job["model"] != name:
            continue
        if job["stage"] == "generation":
            for method in sorted({item["method"] for item in job["items"]}):
                told = methods.get(method, {}).get("placeholders", ())
                found += [words for placeholder, words in SHOWN.items() if placeholder in told]
        elif job["stage"] in SENT:
            found.append(SENT[job["stage"]])
    return " and ".join(dict.fromkeys(found))
