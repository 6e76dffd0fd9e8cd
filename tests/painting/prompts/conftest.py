"""Tiny pipelines of random weights and a small CLIP tokenizer, made on the spot."""

import pytest

from tests.builders import tiny


@pytest.fixture(scope="session")
def tokenizer_folder(tmp_path_factory):
    return tiny.save_tokenizer(tmp_path_factory.mktemp("tokenizer"))


@pytest.fixture(scope="session")
def make_tokenizer(tokenizer_folder):
    def make(pad_token=tiny.EOS):
        return tiny.make_tokenizer(tokenizer_folder, pad_token)

    return make


@pytest.fixture(scope="session")
def make_text_encoder(make_tokenizer):
    def make(**options):
        return tiny.make_text_encoder(make_tokenizer(), **options)

    return make


@pytest.fixture
def pipeline(tokenizer_folder):
    """A Stable Diffusion 1.5 in small."""
    return tiny.make_pipeline(tokenizer_folder)


@pytest.fixture
def make_xl(tokenizer_folder):
    """A Stable Diffusion XL in small."""

    def make(force_zeros=True):
        return tiny.make_xl_pipeline(tokenizer_folder, force_zeros)

    return make


@pytest.fixture
def xl(make_xl):
    return make_xl()
