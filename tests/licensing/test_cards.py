"""Which licence weights state, in cards, metadata and files beside them, whoever wrote these."""

import os
import threading

import numpy as np
import pytest
from safetensors.numpy import save_file

from igo import embedded
from igo.licensing import CARD, License, allows_commercial_use, stated

ALLOWING = [
    *("apache-2.0", "Apache-2.0", "Apache License 2.0", "MIT", "MIT License", "BSD 3-Clause", "cc0-1.0", "CC0"),
    *("openrail", "openrail++", "creativeml-openrail-m", "CreativeML Open RAIL-M", "CreativeML Open RAIL++-M License"),
    *("cc-by-4.0", "CC BY-SA 4.0", "gpl-3.0-or-later", "unlicense", "Apache-2.0 AND MIT", "MIT OR cc-by-nc-4.0"),
]
FORBIDDING = [
    *("cc-by-nc-4.0", "CC BY-NC-SA 4.0", "cc-by-nc-nd-3.0", "other (flux-1-dev-non-commercial-license)"),
    *("other (stabilityai-nc-research-community)", "SDXL 0.9 Research License", "deepfloyd-if-license"),
    *("other (nvidia-source-code-license)", "fair-noncommercial-research-license", "mit, cc-by-nc-4.0"),
]
UNKNOWN = ["other", "other (mit)", "unknown", "llama3.1", "mit (but not for you)", "MIT AND mine", "x" * 300, "incc"]


@pytest.mark.parametrize(
    ("name", "allowed"),
    [*((n, True) for n in ALLOWING), *((n, False) for n in FORBIDDING), *((n, None) for n in UNKNOWN)],
)
def test_what_a_licence_allows(name, allowed):
    assert allows_commercial_use(name) is allowed


@pytest.mark.parametrize(
    ("card", "name"),
    [
        ("---\nlicense: mit\n---\n# A model", "mit"),
        ("\ufeff---\r\nlanguage: en\r\nlicense: apache-2.0\r\ntags:\r\n- lora\r\n---\r\n", "apache-2.0"),
        ("---\n'license': \"mit\"  # as ever\n---\n", "mit"),
        ("---\nlicense:\n- mit\n- apache-2.0\ntags: [a]\n---\n", "mit, apache-2.0"),
        ("---\nlicense: [mit, cc-by-nc-4.0]\n---\n", "mit, cc-by-nc-4.0"),
        ("---\nlicense: mit\nlicense: cc-by-nc-4.0\n---\n", "mit, cc-by-nc-4.0"),
        ("---\nlicense: other\nlicense_name: my-terms\nlicense_link: LICENSE\n---\n", "other (my-terms)"),
        ("---\nlicense_name: my-terms\n---\n", "other (my-terms)"),
        ("---\nlicense: other\n---\n", "other"),
        ("---\nlicense: mit\x1b[31m\n---\n", ""),
        # what is no statement
        ("", ""),
        ("license: mit\n", ""),
        ("# A model\n\n---\nlicense: mit\n---\n", ""),
        ("---\nlicense: mit\n", ""),
        ("---\ntext: |\n  license: mit\n---\n", ""),
        ("---\nlicense:\n---\n", ""),
        ("---\nlicense: {mit: true}\n---\n", ""),
        ("---\nlicense: &a [*a]\n---\n", ""),
        # what would take long, or much
        (f"---\nlicense: {'[' * 900}\n---\n", ""),
        (f"---\nlicense: {'mit ' * 5000}\n---\n", ""),
        (f"---\n{'a: b' * 100_000}\nlicense: mit\n---\n", ""),
        ("---\na: &a [x, x]\nb: &b [*a, *a]\nlicense: &c [*b, *b]\n---\n", ""),
    ],
)
def test_what_a_card_states(card, name, tmp_path):
    (tmp_path / CARD).write_text(card, "utf-8", newline="")
    assert stated(tmp_path) == (License(name, CARD) if name else License())


@pytest.mark.parametrize("content", [b"---\nlicense: \xff\xfe\n---\n", os.urandom(2**20), b"\0" * 2**20], ids=len)
def test_a_card_that_is_no_text_allows_nothing(content, tmp_path):
    (tmp_path / CARD).write_bytes(content)
    assert stated(tmp_path).commercial is None


def test_a_card_runs_nothing(tmp_path):
    mark = tmp_path / "ran"
    (tmp_path / CARD).write_text(f"---\nlicense: !!python/object/apply:os.mkdir ['{mark}']\n---\n")
    assert stated(tmp_path).commercial is None
    assert not mark.exists()


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / CARD)
    (tmp_path / "LICENSE").mkdir()
    reading = threading.Thread(target=stated, args=(tmp_path,), daemon=True)
    reading.start()
    reading.join(20)
    assert not reading.is_alive()


def weights(path, **metadata):
    save_file({"weight": np.zeros(2, np.float32)}, path, metadata)
    return path


def test_a_file_states_its_own_in_its_metadata_or_beside_it(tmp_path):
    assert stated(weights(tmp_path / "a.safetensors")) == License()
    file = weights(tmp_path / "b.safetensors", license="cc-by-4.0")
    assert stated(file) == License("cc-by-4.0", "b.safetensors")
    both = weights(tmp_path / "c.safetensors", **{"license": "mit", "modelspec.license": "CreativeML Open RAIL-M"})
    assert stated(both).name == "CreativeML Open RAIL-M"
    (tmp_path / "b.safetensors.license").write_text("SPDX-FileCopyrightText: me\nSPDX-License-Identifier: MIT\n")
    assert stated(file) == License("MIT", "b.safetensors.license")
    (tmp_path / CARD).write_text("---\nlicense: mit\n---\n")
    assert stated(tmp_path / "a.safetensors") == License(), "a folder of downloads is no repository"
    assert stated(tmp_path / "none.safetensors") == License()
    (tmp_path / "damaged.safetensors").write_bytes(b"\xff" * 100)
    assert stated(tmp_path / "damaged.safetensors") == License()


def test_a_folder_states_by_its_card_first_and_by_texts_last(tmp_path):
    names = [weights(tmp_path / f"{name}.safetensors", license="mit").name for name in "ab"]
    assert stated(tmp_path) == License()
    assert stated(tmp_path, names).name == "mit"
    weights(tmp_path / "b.safetensors", license="cc-by-nc-4.0")
    (tmp_path / "LICENSE").write_text("You may use this on Sundays.")
    assert stated(tmp_path, names) == License("", "LICENSE")
    (tmp_path / "LICENSE").write_text("SPDX-License-Identifier: BSD-3-Clause")
    assert stated(tmp_path, names) == License("BSD-3-Clause", "LICENSE")
    (tmp_path / CARD).write_text("---\nlicense: openrail\n---\n")
    assert stated(tmp_path, names) == License("openrail", CARD)


@pytest.mark.parametrize("part", sorted(path.name for path in embedded.WEIGHTS.iterdir() if path.is_dir()))
def test_all_of_mini_may_be_used_commercially(part):
    found = stated(embedded.path(part))
    assert (found.name, found.commercial) == (embedded.LICENSE.lower(), True)
