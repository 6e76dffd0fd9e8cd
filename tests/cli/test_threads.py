"""Threads: how many, and how they wait, is settled before torch is imported; replays take their record's number."""

import os
import subprocess
import sys

import pytest
import torch

import igo
from igo.cli.threads import arrange, share
from igo.records import limits
from igo.records.provenance import Making
from tests.builders.groups import machine


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        ("0::/\n", {"cpu.max": "200000 100000\n"}, "2"),
        ("0::/\n", {"cpu.max": "150000 100000\n"}, "1"),
        ("0::/\n", {"cpu.max": "20000 100000\n"}, "1"),
        ("0::/a/b\n", {"a/cpu.max": "300000 100000\n", "a/b/cpu.max": "max 100000\n"}, "3"),
        ("0::/\n", {"cpu.max": "max 100000\n"}, None),
        ("0::/\n", {"cpu.max": "1600000 100000\n"}, None),
        ("3:cpuset:/\n1:cpu:/x\n", {"cpu/x/cpu.cfs_quota_us": "200000", "cpu/x/cpu.cfs_period_us": "100000"}, "2"),
        ("1:cpu,cpuacct:/\n", {"cpu,cpuacct/cpu.cfs_quota_us": "-1", "cpu,cpuacct/cpu.cfs_period_us": "100000"}, None),
        ("0::/\n", {"cpu.max": "what"}, None),
        ("damaged", {}, None),
    ],
)
def test_a_containers_share_of_the_processors_is_not_exceeded(tmp_path, monkeypatch, groups, files, expected):
    monkeypatch.setattr("igo.cli.threads._processors", lambda: 8)
    environment = {}
    arrange(environment, machine(tmp_path, groups, files))
    assert environment.get("OMP_NUM_THREADS") == expected
    assert environment["GOMP_SPINCOUNT"] == "5000"


def test_what_the_user_says_stays(tmp_path, monkeypatch):
    monkeypatch.setattr("igo.cli.threads._processors", lambda: 8)
    environment = {"OMP_NUM_THREADS": "5", "OMP_WAIT_POLICY": "ACTIVE"}
    arrange(environment, machine(tmp_path, "0::/\n", {"cpu.max": "100000 100000"}))
    assert environment == {"OMP_NUM_THREADS": "5", "OMP_WAIT_POLICY": "ACTIVE"}


@pytest.mark.parametrize(
    ("running", "given", "awake"),
    [
        ("1/300", {}, True),
        ("2/300", {}, False),
        ("9/300", {}, False),
        ("5/300", {"OMP_NUM_THREADS": "4"}, True),
        ("6/300", {"OMP_NUM_THREADS": "4"}, False),
        ("1/300", {"OMP_NUM_THREADS": "8,2"}, True),
        ("what", {}, False),
        ("", {}, False),
    ],
)
def test_threads_wait_awake_where_nobody_else_needs_their_processors(tmp_path, monkeypatch, running, given, awake):
    monkeypatch.setattr("igo.cli.threads._processors", lambda: 8)
    environment = dict(given)
    arrange(environment, machine(tmp_path, "0::/\n", {}, f"0.52 0.58 0.59 {running} 12345\n"))
    waiting = {"GOMP_SPINCOUNT": "5000"} if awake else {"OMP_WAIT_POLICY": "PASSIVE"}
    assert environment == given | waiting


def test_a_spin_count_of_the_users_stays(tmp_path, monkeypatch):
    monkeypatch.setattr("igo.cli.threads._processors", lambda: 8)
    environment = {"GOMP_SPINCOUNT": "7"}
    arrange(environment, machine(tmp_path, "0::/\n", {}))
    assert environment == {"GOMP_SPINCOUNT": "7"}


def test_threads_of_several_processes_sleep():
    ours, users = {"GOMP_SPINCOUNT": "5000"}, {"GOMP_SPINCOUNT": "7"}
    for environment in (ours, users):
        share(environment)
    assert (ours, users) == ({"OMP_WAIT_POLICY": "PASSIVE"}, {"GOMP_SPINCOUNT": "7"})


def test_a_machine_without_control_groups(tmp_path):
    environment = {}
    arrange(environment, tmp_path)
    assert environment == {"OMP_WAIT_POLICY": "PASSIVE"}


def test_the_command_line_says_it_before_torch_is_imported():
    said = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    lines = (
        "import os, sys, igo.cli",
        f"igo.cli.run_command = lambda _: 'torch' in sys.modules or ' '.join({{*{said}}} & {{*os.environ}})",
        "igo.cli.main([])",
    )
    environment = {name: value for name, value in os.environ.items() if name not in said}
    run = subprocess.run([sys.executable, "-c", "\n".join(lines)], env=environment, capture_output=True, text=True)
    assert run.stderr.strip() in said  # what is no number, sys.exit prints


def test_a_replay_computes_with_the_threads_of_its_record(tmp_path, monkeypatch):
    now, seen = torch.get_num_threads(), []
    look = igo.Chain(igo.TextToImage("mini")).run("a coat", seed=1, num_inference_steps=1)
    path = tmp_path / "look.png"
    stack = {**look.making.stack, "threads": str(now + 1)}
    igo.Look(look.frames, Making(**{**vars(look.making), "stack": stack})).save(path)
    run = igo.Chain.run

    def watched(*given, **named):
        seen.append(torch.get_num_threads())
        return run(*given, **named)

    monkeypatch.setattr(igo.Chain, "run", watched)
    replay = igo.replay(path)
    assert seen == [now + 1]
    assert torch.get_num_threads() == now
    assert replay.differences == ()


@pytest.mark.parametrize("told", ["0", "-1", "100000", "99999999999999999999", "two", "²", ""])
def test_numbers_of_threads_that_can_do_harm_are_not_taken(told):
    assert limits.threads({"threads": told}) is None
    assert limits.threads({}) is None
    assert limits.threads({"threads": "64"}) == 64
