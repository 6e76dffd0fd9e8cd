"""What published repositories hold, in small: the same files, key names and configurations, with tiny random weights
(CLIPSeg with `mini`'s, so that it finds what is drawn)."""

import json

import torch

from tests.builders import tiny

OLD_VAE_ATTENTION = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
PARTS = {"unet": "diffusion_pytorch_model", "vae": "diffusion_pytorch_model", "text_encoder": "pytorch_model"}
PARTS |= {"safety_checker": "pytorch_model"}


def musinsaigo(folder, scratch):
    """``youngmki/musinsaigo-1.0``: a fine-tune of early 2023. ``.bin`` alone, no variant, Euler with Karras' sigmas."""
    pipeline = tiny.make_pipeline(scratch, flagging=False)
    _describe(pipeline, folder)
    _scheduler(folder, "EulerDiscreteScheduler", use_karras_sigmas=True, prediction_type="epsilon")
    for part, tensors in _old_tensors(pipeline).items():
        torch.save(tensors, folder / part / f"{PARTS[part]}.bin")
    return folder


def inpainting(folder, scratch):
    """``stable-diffusion-v1-5/stable-diffusion-inpainting``: ``.bin``, ``.fp16.bin`` and ``.fp16.safetensors``, but no
    plain ``.safetensors``; DDIM; a config.json beside model_index.json."""
    from safetensors.torch import save_file

    pipeline = tiny.make_pipeline(scratch, in_channels=9, flagging=False)
    _describe(pipeline, folder)
    _scheduler(folder, "DDIMScheduler")
    (folder / "config.json").write_text("{}")
    for part, tensors in _old_tensors(pipeline).items():
        stem = PARTS[part]
        torch.save(tensors, folder / part / f"{stem}.bin")
        half = {key: value.half() if value.is_floating_point() else value for key, value in tensors.items()}
        torch.save(half, folder / part / f"{stem}.fp16.bin")
        file = "model" if stem == "pytorch_model" else stem
        save_file(half, folder / part / f"{file}.fp16.safetensors", {"format": "pt"})
    return folder


def clipseg(folder):
    """``CIDAS/clipseg-rd64-refined``: ``.bin`` alone, and configurations of before image processors had that name."""
    import shutil

    from safetensors.torch import load_file

    from igo import embedded

    source = embedded.path("clipseg")
    folder.mkdir(parents=True)
    for file in ("vocab.json", "merges.txt", "special_tokens_map.json"):
        shutil.copy(source / file, folder / file)
    settings = json.loads((source / "config.json").read_text("utf-8"))
    settings["text_config"] |= {"bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 1}
    _write(folder / "config.json", settings)
    seen = json.loads((source / "preprocessor_config.json").read_text("utf-8"))
    names = ("do_normalize", "do_resize", "image_mean", "image_std", "resample", "size")
    kept = {name: seen[name] for name in names}
    _write(folder / "preprocessor_config.json", {"feature_extractor_type": "ViTImageProcessor", **kept})
    _write(folder / "tokenizer_config.json", {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77})
    tensors = load_file(source / "model.safetensors")
    for kind in ("text", "vision"):
        table = tensors[f"clip.{kind}_model.embeddings.position_embedding.weight"]
        tensors[f"clip.{kind}_model.embeddings.position_ids"] = torch.arange(len(table))[None]
    torch.save(tensors, folder / "pytorch_model.bin")
    return folder


def xl_lora(folder, rank=4, width=80):
    """``youngmki/musinsaigo-2.0``: the LoRA of a training script of 2023, whose keys name attention processors."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True)
    generator, tensors = torch.Generator().manual_seed(5), {}
    block = "unet.down_blocks.1.attentions.0.transformer_blocks.0"
    for attention, seen in (("attn1", 16), ("attn2", width)):
        for layer, inputs in (("to_q", 16), ("to_k", seen), ("to_v", seen), ("to_out", 16)):
            name = f"{block}.{attention}.processor.{layer}_lora"
            tensors[f"{name}.down.weight"] = torch.randn(rank, inputs, generator=generator) / 8
            tensors[f"{name}.up.weight"] = torch.randn(16, rank, generator=generator) / 8
    save_file(tensors, folder / "pytorch_lora_weights.safetensors")
    (folder / "README.md").write_text("---\nbase_model: stabilityai/stable-diffusion-xl-base-1.0\ntags: [lora]\n---\n")
    return folder


def _describe(pipeline, folder):
    """All but the weights, as it was in 2023."""
    pipeline.save_pretrained(folder)
    for path in folder.rglob("*.safetensors"):
        path.unlink()
    for path in (folder / "tokenizer").glob("*"):
        path.unlink()
    tiny.save_tokenizer(folder / "tokenizer")
    words = {"bos_token": tiny.BOS, "eos_token": tiny.EOS, "pad_token": tiny.EOS, "unk_token": tiny.EOS}
    _write(folder / "tokenizer" / "special_tokens_map.json", words)
    settings = {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "do_lower_case": True}
    _write(folder / "tokenizer" / "tokenizer_config.json", settings)
    index = json.loads((folder / "model_index.json").read_text())
    index["_diffusers_version"] = "0.13.0.dev0"
    index["feature_extractor"] = ["transformers", "CLIPFeatureExtractor"]
    index.pop("image_encoder", None)
    _write(folder / "model_index.json", index)


def _scheduler(folder, name, **more):
    shared = {"beta_end": 0.012, "beta_schedule": "scaled_linear", "beta_start": 0.00085, "num_train_timesteps": 1000}
    own = {"clip_sample": False, "set_alpha_to_one": False, "skip_prk_steps": True, "steps_offset": 1}
    settings = {"_class_name": name, "_diffusers_version": "0.13.0.dev0", **shared, **own, "trained_betas": None}
    _write(folder / "scheduler" / "scheduler_config.json", {**settings, **more})
    index = json.loads((folder / "model_index.json").read_text())
    _write(folder / "model_index.json", index | {"scheduler": ["diffusers", name]})


def _old_tensors(pipeline):
    """The weights of each part under the names of early 2023."""
    vae = {}
    for key, value in pipeline.vae.state_dict().items():
        for new, old in OLD_VAE_ATTENTION.items() if ".attentions." in key else ():
            key = key.replace(f".{new}.", f".{old}.")
        vae[key] = value
    text = {f"text_model.{key}": value for key, value in pipeline.text_encoder.state_dict().items()}
    text["text_model.embeddings.position_ids"] = torch.arange(77)[None]
    checker = {
        key.replace("vision_model.", "vision_model.vision_model.", 1): value
        for key, value in pipeline.safety_checker.state_dict().items()
    }
    places = len(checker["vision_model.vision_model.embeddings.position_embedding.weight"])
    checker["vision_model.vision_model.embeddings.position_ids"] = torch.arange(places)[None]
    return {"unet": pipeline.unet.state_dict(), "vae": vae, "text_encoder": text, "safety_checker": checker}


def _write(path, value):
    path.write_text(json.dumps(value, indent=2), encoding="utf-8")
