"""A manifest names what a task ran on; cards are made up here."""

import os
import sys
import types

import pytest

from volfid.core import device
from volfid.core.manifest import Manifest
from volfid.core.schemas import CONTRACTS

CARDS = "0, GPU-11aa, NVIDIA H200, 580.65.06\n1, GPU-22bb, NVIDIA H200, 580.65.06\n2, GPU-33cc, NVIDIA L4, 580.65.06\n"


@pytest.fixture
def smi(tmp_path, monkeypatch):
    def write(text, code=0):
        (tmp_path / "rows").write_text(text)
        (tmp_path / "nvidia-smi").write_text(f'#!/bin/sh\ncat "{tmp_path}/rows"\nexit {code}\n')
        (tmp_path / "nvidia-smi").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(version=types.SimpleNamespace(cuda="13.0")))

    return write


@pytest.mark.parametrize(
    ("visible", "card"),
    [(None, "2 x NVIDIA H200, NVIDIA L4"), ("2", "NVIDIA L4"), ("GPU-22", "NVIDIA H200"),
     ("1, 2", "NVIDIA H200, NVIDIA L4"), ("MIG-7", "2 x NVIDIA H200, NVIDIA L4")],
)  # fmt: skip
def test_the_cards_in_use_are_named_with_driver_and_cuda(smi, monkeypatch, visible, card):
    smi(CARDS)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert device.cards() == {"card": card, "driver": "580.65.06", "cuda": "13.0"}


def test_a_driver_that_answers_nothing_leaves_gaps(smi, monkeypatch):
    smi("NVIDIA-SMI has failed\n", code=9)
    assert device.cards() == {"card": None, "driver": None, "cuda": "13.0"}
    monkeypatch.setenv("PATH", "/nowhere")
    assert device.cards()["card"] is None


@pytest.mark.parametrize("facts", [{"accelerator": "cuda"}, {"engine": "accelerator"}, {"engine": "cuda:0"}])
def test_the_manifest_of_a_task_on_a_card_names_it(smi, tmp_path, monkeypatch, facts):
    smi("0, GPU-11aa, NVIDIA H200, 580.65.06\n")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    manifest = Manifest("x.py")
    manifest.device |= facts
    written = CONTRACTS["manifest"].read_object(manifest.write(tmp_path / "out"))["device"]
    assert (written["card"], written["driver"], written["cuda"]) == ("NVIDIA H200", "580.65.06", "13.0")


@pytest.mark.parametrize("engine", [None, "cpu", "served"])
def test_the_manifest_of_a_task_on_a_processor_names_its_model(tmp_path, engine):
    manifest = Manifest("x.py")
    manifest.device |= {"engine": engine} if engine else {}
    written = CONTRACTS["manifest"].read_object(manifest.write(tmp_path / "out"))["device"]
    assert written["cpu"] and "card" not in written and written["accelerator"] is None


@pytest.mark.parametrize(
    ("text", "name"),
    [("processor : 0\nmodel name\t: AMD EPYC 9654 96-Core Processor \n", "AMD EPYC 9654 96-Core Processor"),
     ("processor : 0\nModel\t: Raspberry Pi 5\n", "Raspberry Pi 5")],
)  # fmt: skip
def test_processors_are_read_as_linux_names_them(tmp_path, monkeypatch, text, name):
    (tmp_path / "cpuinfo").write_text(text)
    monkeypatch.setattr(device, "Path", lambda _: tmp_path / "cpuinfo")
    assert device.processor() == name
