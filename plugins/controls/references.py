"""IP-Adapters in their published layout: found, looked into, and put into a pipeline together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from igo.errors import CheckpointError
from igo_plugins.controls import families

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from igo import Runtime, hub
    from igo.licensing import License

EXPECTED = "name a folder or a hub's repository with an IP-Adapter and its image encoder, such as 'h94/IP-Adapter'"
GROUPS = ("image_proj", "ip_adapter")
"""What the names of an IP-Adapter's tensors begin with."""


@dataclass(frozen=True)
class Files:
    """Where an IP-Adapter and its image encoder lie, and which they are."""

    weights: Path
    encoder: Path
    identity: str
    """``revision:<commit>`` of a hub, else ``sha256:<digest>``."""
    license: License


@dataclass(frozen=True)
class _Added:
    what: str
    files: Files
    scale: float
    encoder: str
    """Which one, by its digest."""


_ADDED: WeakKeyDictionary[Any, list[_Added]] = WeakKeyDictionary()
"""Of each UNet those that it has; diffusers puts all of them in at once."""


def find(
    model: str, subfolder: str, weight_name: str | None, image_encoder_folder: str, revision: str | None,
    runtime: Runtime,
) -> Files:  # fmt: skip
    """The files on this machine, fetched if need be. Raises ``CheckpointError``."""
    from igo import hub
    from igo.files import at_home, digests
    from igo.licensing import fetch
    from igo.networks import weights

    inside = "/".join(part for part in subfolder.split("/") if part)
    encoder = image_encoder_folder if "/" in image_encoder_folder else _joined(inside, image_encoder_folder)

    def wanted(files: Sequence[str], _look: hub.Look) -> list[str]:
        adapter = _chosen(model, inside, files, weight_name)
        of_encoder = [f"{encoder}/{name}" for name in ("config.json", "model.safetensors")]
        if of_encoder[1] not in files:
            of_encoder[1] = f"{encoder}/pytorch_model.bin"
        return [adapter, *(file for file in of_encoder if file in files)]

    def found() -> Files:
        folder = at_home(model)
        name = weight_name
        if folder.is_file():
            folder, name = folder.parent, folder.name
        known = folder.is_dir()
        if not known:
            if folder.exists() or not hub.is_name(model):
                raise CheckpointError(f"there is no IP-Adapter {model!r}; {EXPECTED}")
            folder = fetch(model, wanted, runtime.permit, revision)
        license = runtime.permit(model, folder / name if name is not None and at_home(model).is_file() else folder)  # noqa: A001
        there = [path.relative_to(folder).as_posix() for path in (folder / inside).glob("*") if path.is_file()]
        file, seeing = folder / _chosen(model, inside, there, name), folder / encoder
        grouped(file, weights.described(file))
        if not (seeing / "config.json").is_file():
            raise CheckpointError(
                f"{model} has no image encoder in {encoder}/, by which an IP-Adapter sees; name its folder in "
                "image_encoder_folder"
            )
        if not known:
            return Files(file, seeing, f"revision:{folder.name}", license)
        beside = (path for path in seeing.iterdir() if path.suffix in (".json", ".safetensors", ".bin"))
        return Files(file, seeing, digests.digest(folder, [file, *beside]), license)

    key = ("ip-adapter", model, subfolder, weight_name, image_encoder_folder, revision)
    files: Files = runtime.model(key, found)
    return files


def grouped(file: Path, tensors: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """An IP-Adapter's tensors as diffusers takes them. Raises ``CheckpointError`` for what is none, or of a kind that
    sees otherwise than by an image encoder."""
    groups: dict[str, dict[str, Tensor]] = {group: {} for group in GROUPS}
    for key, value in tensors.items():
        group, _, name = key.partition(".")
        if group not in groups:
            raise CheckpointError(f"{file} is no IP-Adapter: it holds {key[:80]!r}; {EXPECTED}")
        groups[group][name] = value
    projection = groups["image_proj"]
    if not all(groups.values()):
        raise CheckpointError(f"{file} is no IP-Adapter: it holds no {' and '.join(GROUPS)}; {EXPECTED}")
    if "perceiver_resampler.proj_in.weight" in projection or {"norm.weight", "proj.2.weight"} <= projection.keys():
        raise CheckpointError(
            f"{file} is a FaceID adapter, which goes by InsightFace's numbers and not by a picture; name a plain one, "
            "plus, plus-face or full-face"
        )
    if not {"proj.weight", "proj.3.weight", "latents"} & projection.keys():
        raise CheckpointError(f"{file} is of a kind of IP-Adapter that IGO doesn't know; {EXPECTED}")
    return groups


def add(pipeline: Any, files: Files, model: str, scale: float) -> None:
    """Give the pipeline one more IP-Adapter. Raises ``CheckpointError`` for one that is for another family, for an
    image encoder that isn't its own, or another than the pipeline's."""
    from transformers import CLIPVisionModelWithProjection

    from igo.files import digests
    from igo.networks.folders import load_model, one_line
    from igo.networks.quiet import quietly

    what = f"the IP-Adapter {files.weights.name} of {model}"
    unet = families.unet_of(pipeline, what)
    tensors = _read(files.weights)
    _check_fits(what, tensors, unet)
    added = _ADDED.setdefault(unet, [])
    encoder = digests.digest(files.encoder, [path for path in files.encoder.iterdir() if path.is_file()])
    if added and added[0].encoder != encoder:
        raise CheckpointError(
            f"{what} has another image encoder than {added[0].what}, and a pipeline has one for all; name those that "
            "share theirs"
        )
    with quietly(), one_line(what, EXPECTED):
        if not added:
            seeing = load_model(CLIPVisionModelWithProjection, files.encoder, what, dtype=unet.dtype)
            pipeline.register_modules(image_encoder=seeing.eval())
        _check_encoder(what, tensors["image_proj"], pipeline.image_encoder.config)
        every = [*(_read(one.files.weights) for one in added), tensors]
        pipeline.load_ip_adapter(every, subfolder="", weight_name=[""] * len(every))
        added.append(_Added(what, files, scale, encoder))
        pipeline.set_ip_adapter_scale([one.scale for one in added])


def _check_fits(what: str, tensors: Mapping[str, Mapping[str, Tensor]], unet: Any) -> None:
    """Raise ``CheckpointError`` where the cross-attention layers are others than the UNet's."""
    crossed = {name: value for name, value in tensors["ip_adapter"].items() if name.endswith("to_k_ip.weight")}
    read = next((value.shape[1] for value in crossed.values() if value.ndim == 2), None)
    families.check(what, {"cross_attention_dim": read}, unet)
    places = [name for name in unet.attn_processors if "blocks." in name and not name.endswith("attn1.processor")]
    wanted = {f"{2 * number + 1}.to_{part}_ip.weight" for number in range(len(places)) for part in "kv"}
    layers = dict(unet.named_modules())
    widths = [layers[name.removesuffix(".processor")].to_k.weight.shape[0] for name in places]
    held = tensors["ip_adapter"]
    fits = wanted == held.keys() and all(
        tuple(held[f"{2 * number + 1}.to_{part}_ip.weight"].shape) == (width, read)
        for number, width in enumerate(widths)
        for part in "kv"
    )
    if not fits:
        raise CheckpointError(
            f"{what} is for another family than this checkpoint: it has {len(held) // 2} layers for its pictures, the "
            f"checkpoint {len(places)} of other shapes; name one that was made for it"
        )


def _check_encoder(what: str, projection: Mapping[str, Tensor], encoder: Any) -> None:
    """Raise ``CheckpointError`` where the adapter reads other numbers than the image encoder gives."""
    if "proj.weight" in projection:
        reads, gives = projection["proj.weight"].shape[-1], encoder.projection_dim
    else:
        first = "proj.0.weight" if "proj.0.weight" in projection else "proj_in.weight"
        reads, gives = projection[first].shape[-1], encoder.hidden_size
    if reads != gives:
        raise CheckpointError(
            f"{what} reads {reads} numbers of a picture, and the image encoder beside it gives {gives}; name its "
            "own in image_encoder_folder"
        )


def _chosen(model: str, inside: str, files: Sequence[str], weight_name: str | None) -> str:
    """The one file that is meant. Raises ``CheckpointError``."""
    here = sorted(file.rpartition("/")[2] for file in files if file.rpartition("/")[0] == inside)
    here = [name for name in here if name.endswith((".safetensors", ".bin"))]
    where = _joined(model, inside)
    if weight_name is not None and weight_name not in here:
        raise CheckpointError(f"{where} has no {weight_name}; it has: {', '.join(here[:20]) or 'no weights'}")
    safe = [name for name in here if name.endswith(".safetensors")]
    names = [weight_name] if weight_name is not None else safe or here
    if len(names) > 1:
        raise CheckpointError(f"{where} has several files; say which in weight_name: {', '.join(names[:20])}")
    if not names:
        raise CheckpointError(f"{where} has no IP-Adapter in it, such as ip-adapter_sd15.safetensors; {EXPECTED}")
    return _joined(inside, names[0])


def _read(file: Path) -> dict[str, dict[str, Tensor]]:
    """The file's tensors, by group. Raises ``CheckpointError``."""
    from igo.networks import weights

    tensors = dict(weights.flat(weights.read(file)))
    weights.check_finite(tensors, file)
    return grouped(file, tensors)


def _joined(*parts: str) -> str:
    return "/".join(part for part in parts if part)
