"""Teaching a UNet to try garments on: what it sees, what it is asked for, and what it learns."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from diffusers import LCMScheduler, UNet2DConditionModel
from torch.nn import functional

from igo.mini.triplets import triplet
from igo.networks.limbs import limbs_under, skin_of
from igo.networks.tryon import OUTLINE, ROLLED_OUT, attentions, try_on
from igo.training.data.tryon import TryOnSet
from igo.training.data.tryon_latents import BLANK, fittings
from igo.training.loop.loop import LoopSettings, step_generator, train
from igo.training.tasks.inpaint import widened
from igo.training.tasks.tryon import OUTSIDE, UNSEEN, TryOnObjective, TryOnTask, UnrolledObjective
from igo.wardrobe.placement import posed, trunk_alone


def people(count: int = 6, before: bool = True) -> TryOnSet:
    """People of one garment each, 32×48 pixels, in plain colours."""
    generator = torch.Generator().manual_seed(1)
    colours = torch.randint(256, (3, count, 1, 1, 3), generator=generator, dtype=torch.uint8)
    person = torch.full((count, 48, 32, 3), 200, dtype=torch.uint8)
    zones = torch.zeros(count, 2, 48, 32, dtype=torch.bool)
    zones[:, 0, 12:36, 8:24] = True
    zones[:, 1, 8:40, 4:28] = True
    after = torch.where(zones[:, 0, ..., None], colours[0], person)
    garments = colours[0].expand(count, 48, 32, 3).contiguous()
    other = torch.where(zones[:, 0, ..., None], colours[1], person)
    return TryOnSet(
        after, garments, torch.arange(count)[:, None], zones, other if before else torch.empty(0, dtype=torch.uint8)
    )


@pytest.fixture
def wide(pipeline):
    torch.manual_seed(0)
    return widened(pipeline.unet)


@pytest.fixture
def task(pipeline, wide):
    data = fittings(pipeline.vae, people())
    return TryOnTask(wide, pipeline.vae, pipeline.scheduler, data, data, learn="all")


def test_a_set_can_hold_people_back():
    learned, measured = people().hold_out(2)
    assert (len(learned), len(measured)) == (4, 2)
    assert torch.equal(measured.before, people().before[4:])
    assert torch.equal(measured.garments[measured.worn[:, 0]], people().garments[4:])
    assert len(measured.garments) == 2
    with pytest.raises(Exception, match="6 of 6 people can't be held out"):
        people().hold_out(6)


def test_what_is_encoded_is_kept(pipeline, tmp_path):
    first = fittings(pipeline.vae, people(), tmp_path / "some" / "latents.safetensors")
    pipeline.vae.encoder.conv_in.weight.data.zero_()  # another would encode otherwise
    again = fittings(pipeline.vae, people(), tmp_path / "some" / "latents.safetensors")
    assert torch.equal(first.left, again.left)
    assert first.left.shape == (6, 2, 4, 12, 8)
    assert first.masks.shape == (6, 2, 1, 12, 8)
    assert torch.equal(again.worn, people().worn)


def test_a_batch_is_the_same_for_the_same_step_and_mirrors_all_alike(task):
    one, other = (task.batch(5, step_generator(torch.device("cpu"), 0, 3, 0)) for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert one["people"].shape == (5, 4, 12, 8)
    assert one["noise"].shape == (5, 4, 24, 8)
    torch.testing.assert_close(one["weights"].mean((1, 2, 3)), torch.ones(5))


def test_without_a_mask_the_model_sees_the_person_in_other_clothes(task):
    task.unmasked, task.mirror = 1.0, False
    batch = task.batch(4, step_generator(torch.device("cpu"), 0, 0, 0))
    assert (batch["masks"] == 1).all()
    assert all(any(torch.equal(left, one.float()) for one in task.data.before) for left in batch["left"])
    assert (batch["weights"].amin((1, 2, 3)) < batch["weights"].amax((1, 2, 3)) * (OUTSIDE + 0.01)).all()


def test_without_pictures_from_before_no_mask_is_left_out(pipeline, wide):
    data = fittings(pipeline.vae, people(before=False))
    task = TryOnTask(wide, pipeline.vae, pipeline.scheduler, data, data)
    batch = task.batch(32, step_generator(torch.device("cpu"), 0, 0, 0))
    assert (batch["masks"].mean((1, 2, 3)) < 1).all()


class Seen(torch.nn.Module):
    """In a UNet's place: remembers its input, and answers zeros."""

    def forward(self, x, timesteps, encoder_hidden_states):
        assert encoder_hidden_states is None
        self.input = x
        return type("Answer", (), {"sample": torch.zeros_like(x[:, :4])})


def test_a_garment_that_is_left_out_is_gone_from_all_channels(pipeline, task):
    seen = Seen()
    objective = TryOnObjective(seen, pipeline.scheduler)
    batch = task.batch(3, step_generator(torch.device("cpu"), 0, 0, 0))
    batch["shown"] = torch.tensor([1.0, 0.0, 1.0]).view(3, 1, 1, 1)
    losses = objective(**batch)
    person, garment = seen.input.split(12, 2)
    assert (garment[1] == 0).all()
    assert (garment[0, :4] != 0).any()
    torch.testing.assert_close(garment[0, 5:], batch["garments"][0])
    torch.testing.assert_close(person[:, 4:5], batch["masks"])
    torch.testing.assert_close(person[:, 5:], batch["left"])
    assert losses["loss"].isfinite()


def test_the_loss_is_the_persons_half_alone(pipeline, task):
    class Half(Seen):
        def forward(self, x, timesteps, encoder_hidden_states):
            answer = super().forward(x, timesteps, encoder_hidden_states)
            answer.sample[:, :, 12:] = 1000
            return answer

    batch = task.batch(2, step_generator(torch.device("cpu"), 0, 0, 0))
    plain = TryOnObjective(Seen(), pipeline.scheduler)(**batch)["loss"]
    assert torch.equal(plain, TryOnObjective(Half(), pipeline.scheduler)(**batch)["loss"])


def test_training_lowers_the_loss_and_goes_on_where_it_stopped(pipeline, task, tmp_path):
    settings = LoopSettings(steps=16, batch_size=4, learning_rate=2e-3, warmup=5, ema_decay=0.5)
    with torch.no_grad():
        before = task.measures()["held-out loss"]
    halted = train(task, settings, tmp_path / "run", halt_at=8, quiet=True)
    report = train(task, settings, tmp_path / "run", quiet=True)
    assert (halted.step, report.step) == (8, 16)
    assert report.measures["held-out loss"] < before
    assert (tmp_path / "run" / "samples" / "step-000016.png").exists()


def test_attention_alone_leaves_all_else_as_it_is(pipeline, wide, tmp_path):
    data = fittings(pipeline.vae, people())
    task = TryOnTask(wide, pipeline.vae, pipeline.scheduler, data, data)
    before = {name: value.clone() for name, value in wide.state_dict().items()}
    train(task, LoopSettings(steps=3, batch_size=2, warmup=1), tmp_path / "run", quiet=True)
    changed = {name for name, value in wide.state_dict().items() if not torch.equal(value, before[name])}
    assert changed
    assert all(".attn1." in name for name in changed)
    assert {f".{name.split('.', 1)[1]}" for name in attentions(wide)} >= {f".{n.split('.attn1.')[1]}" for n in changed}


def test_text_is_not_asked_for(task):
    assert isinstance(task.unet, UNet2DConditionModel)
    for name, weight in task.unet.named_parameters():
        assert weight.requires_grad is (".attn2." not in name)


@pytest.fixture
def unrolled(pipeline, wide):
    data = fittings(pipeline.vae, people())
    scheduler = LCMScheduler.from_config(pipeline.scheduler.config)
    return TryOnTask(wide, pipeline.vae, scheduler, data, data, learn="all", rollout=True)


class Recording(torch.nn.Module):
    """A UNet that keeps what it is asked, when."""

    def __init__(self, unet):
        super().__init__()
        self.unet, self.asked = unet, []

    def forward(self, x, timesteps, encoder_hidden_states, return_dict=True):
        self.asked.append((x.detach().clone(), int(torch.as_tensor(timesteps).flatten()[0])))
        return self.unet(x, timesteps, encoder_hidden_states, return_dict=return_dict)


def test_the_noisiest_steps_learn_on_what_they_are_given_when_it_paints(unrolled, monkeypatch):
    """What the objective asks of the UNet is what ``try_on`` asks by diffusers' scheduler, given the same noise."""
    batch = unrolled.batch(2, step_generator(torch.device("cpu"), 0, 0, 0))
    batch["shown"] = torch.ones(2, 1, 1, 1)
    scheduler = LCMScheduler.from_config(unrolled.scheduler.config)
    scheduler.set_timesteps(6)
    batch["timesteps"][:] = torch.tensor([*scheduler.timesteps[:2].tolist(), 10])
    learning = Recording(unrolled.unet)
    UnrolledObjective(learning, unrolled.scheduler)(**batch)
    first, again, _, fixed = batch["noise"].split(12, 2)
    drawn = iter([torch.cat([again, torch.zeros_like(again)], 2)])
    monkeypatch.setattr(
        "diffusers.schedulers.scheduling_lcm.randn_tensor", lambda shape, **_: next(drawn, torch.zeros(shape))
    )
    painting = Recording(unrolled.unet)
    try_on(
        painting,
        scheduler,
        batch["left"],
        batch["masks"],
        batch["garments"],
        torch.cat([first, fixed], 2),
        num_inference_steps=6,
        guidance_scale=2.0,
        method=ROLLED_OUT,
    )
    assert [len(x) for x, _ in painting.asked] == [2, 2, 2, 4, 4, 4]  # guidance acts where the whole is settled
    for (one, now), (other, then) in zip(learning.asked[:2], painting.asked, strict=False):
        assert now == then
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


def test_the_last_part_of_a_rollout_is_the_plain_loss(unrolled):
    batch = unrolled.batch(2, step_generator(torch.device("cpu"), 0, 0, 0))
    assert (batch["timesteps"][:, 0] == 999).all()
    assert (batch["timesteps"][:, 1] >= 600).all()
    assert (batch["timesteps"][:, 2] < 600).all()
    losses = unrolled.module(**batch)
    noise = torch.cat([*batch["noise"].split(12, 2)[2:]], 2)
    plain = TryOnObjective(unrolled.unet, unrolled.scheduler)
    alone = plain(**{**batch, "noise": noise, "timesteps": batch["timesteps"][:, 2]})
    torch.testing.assert_close(losses["sharp"], alone["loss"].detach())


def test_an_exact_answer_costs_nothing_in_any_part(unrolled):
    batch = unrolled.batch(2, step_generator(torch.device("cpu"), 0, 0, 0))

    class Knowing(torch.nn.Module):
        def forward(self, x, timesteps, encoder_hidden_states):
            signal, sigma = objective.shares(timesteps)
            noise = (x[:, :4, :12] - signal * batch["people"]) / sigma
            told = noise if objective.prediction == "epsilon" else signal * noise - sigma * batch["people"]
            return type("Answer", (), {"sample": torch.cat([told, told], 2)})

    objective = UnrolledObjective(Knowing(), unrolled.scheduler)
    assert {name: float(loss) for name, loss in objective(**batch).items()} == pytest.approx(
        {"loss": 0, "estimated": 0, "sharp": 0}, abs=1e-5
    )


def test_a_rollout_learns(unrolled, tmp_path):
    with torch.no_grad():
        before = unrolled.measures()["held-out loss"]
    settings = LoopSettings(steps=12, batch_size=2, learning_rate=2e-3, warmup=3, ema_decay=0.5)
    assert train(unrolled, settings, tmp_path / "run", quiet=True).measures["held-out loss"] < before


class Placed:
    """In place of a model of bodies: everybody lies as pictures do, and garments, which are asked for next, so many
    pixels to the left."""

    def __init__(self):
        self.asked = 0

    def placements(self, pictures):
        place = torch.from_numpy(posed(np.eye(2, 3), ())).repeat(len(pictures), 1, 1, 1)
        place[:, 0, 0, 2] = -4.0 * self.asked
        self.asked += 1
        return place


def test_garments_are_laid_over_people_where_bodies_say(pipeline, wide):
    garments = torch.randint(256, (6, 48, 32, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    data = replace(people(), garments=garments)
    data.zones[2, 0, 10:20, :8] = True  # partly beyond the garment's picture
    made = fittings(pipeline.vae, data, bodies=Placed())
    assert made.laid.shape == (6, 2, 1, 4, 12, 8)
    zone = data.zones[2, 0]
    picture = data.people[2].permute(2, 0, 1).float() / 127.5 - 1
    shifted = torch.zeros_like(picture)  # what is to the right of where its picture ends
    shifted[..., 4:] = (data.garments[2].permute(2, 0, 1).float() / 127.5 - 1)[..., :-4]
    expected = pipeline.vae.encode(torch.where(zone, shifted, picture)[None]).latent_dist.mode()
    expected = (expected * pipeline.vae.config.scaling_factor).half()
    torch.testing.assert_close(made.laid[2, 0, 0], expected[0], atol=2e-2, rtol=0)
    unseen = zone.clone()
    unseen[:, 4:] = False
    shares = functional.avg_pool2d(unseen[None].float(), 4)
    torch.testing.assert_close(made.unseen[2, 0, 0].float(), shares)
    assert shares.any()
    task = TryOnTask(wide, pipeline.vae, pipeline.scheduler, made, made, unmasked=0, mirror=False, dropout=0.5)
    batch = task.batch(32, step_generator(torch.device("cpu"), 0, 0, 0))
    own = {True: made.laid[:, :, 0].flatten(0, 1).float(), False: made.left.flatten(0, 1).float()}
    shown = batch["shown"].flatten() > 0
    assert 0 < shown.sum() < 32
    for left, seen in zip(batch["left"], shown.tolist(), strict=True):
        assert any(torch.equal(left, one) for one in own[seen])
    heavy = (0.2 + 0.8 * made.masks + UNSEEN * made.unseen[:, :, 0]).flatten(0, 1).float()
    heavy = heavy / heavy.mean((1, 2, 3), keepdim=True)
    assert all(any(torch.allclose(weights, one) for one in heavy) for weights in batch["weights"])
    assert task.samples().width > 0


def test_zones_may_show_all_but_what_is_taken_off(pipeline):
    """And to some of the people nothing, as where a mask is brought."""
    data = people()
    old = torch.zeros(6, 48, 32, dtype=torch.bool)
    old[:, 20:30, 10:20] = True
    plain, made = (fittings(pipeline.vae, one) for one in (data, replace(data, old=old)))
    assert torch.equal(made.left[BLANK], plain.left[BLANK])
    for row in (1, 2):
        seen = data.before[row].permute(2, 0, 1).float() / 127.5 - 1
        seen[:, 20 - OUTLINE : 30 + OUTLINE, 10 - OUTLINE : 20 + OUTLINE] = 0
        picture = torch.where(data.zones[row, 1], seen, data.people[row].permute(2, 0, 1).float() / 127.5 - 1)
        expected = pipeline.vae.encode(picture[None]).latent_dist.mode() * pipeline.vae.config.scaling_factor
        torch.testing.assert_close(made.left[row, 1].float(), expected[0], atol=2e-2, rtol=0)
    learned, measured = replace(data, old=old).hold_out(2)
    assert (len(learned.old), len(measured.old), len(data.hold_out(2)[0].old)) == (4, 2, 0)


def test_limbs_that_are_taken_off_are_shown_bare(pipeline):
    """Drawn people, whose bodies lie where they lie: in place of what they take off there is skin, which nobody has
    seen; but where nothing of the zone is shown."""
    drawn = [one for one in (triplet(seed) for seed in range(40)) if one.category == "lower"][: BLANK + 2]
    before, after, old = (np.stack([getattr(one, name) for one in drawn]) for name in ("before", "after", "old"))
    zones, garments = np.stack([one.zones for one in drawn]), np.full_like(after, 255)  # which show nothing
    rows = torch.arange(len(drawn))[:, None]
    after, garments, zones, before, old = map(torch.from_numpy, (after, garments, zones, before, old))
    data = TryOnSet(after, garments, rows, zones, before, old)

    class Drawn:
        def placements(self, pictures):
            places = torch.full((len(pictures), 5, 2, 3), torch.nan, dtype=torch.float64)
            places[:, 0] = torch.from_numpy(np.stack([one.placements[0, 0] for one in drawn]))
            return places

    made, drawn_bare = fittings(pipeline.vae, data, bodies=Drawn()), 0
    for row, one in enumerate(drawn):
        place = trunk_alone(one.placements[0])
        color, none = skin_of(one.before, place), np.zeros_like(one.old)
        bare, where = limbs_under(one.before, one.old, none, place, color).bared(one.before, one.old)
        drawn_bare += int((where & one.zones[1]).sum())
        grown = cv2.dilate(one.old.astype(np.uint8), np.ones((2 * OUTLINE + 1,) * 2, np.uint8)) > 0
        seen = bare / 127.5 - 1
        seen[(grown & ~where) | (row % BLANK == 0)] = 0
        picture = np.where(one.zones[1][..., None], seen, one.after / 127.5 - 1)
        pixels = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
        expected = pipeline.vae.encode(pixels).latent_dist.mode() * pipeline.vae.config.scaling_factor
        torch.testing.assert_close(made.laid[row, 1, 0].float(), expected[0].detach(), atol=2e-2, rtol=0)
    assert drawn_bare > 100 * len(drawn)


def test_without_a_mask_garments_are_laid_over_other_clothes(pipeline, wide):
    garments = torch.randint(256, (6, 48, 32, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    data = replace(people(), garments=garments)
    made = fittings(pipeline.vae, data, bodies=Placed())
    assert made.over.shape == (6, 1, 4, 12, 8)
    shifted = data.before[2].permute(2, 0, 1).float() / 127.5 - 1
    shifted[..., 4:] = (data.garments[2].permute(2, 0, 1).float() / 127.5 - 1)[..., :-4]
    expected = pipeline.vae.encode(shifted[None]).latent_dist.mode() * pipeline.vae.config.scaling_factor
    torch.testing.assert_close(made.over[2, 0].float(), expected[0].detach(), atol=2e-2, rtol=0)
    task = TryOnTask(wide, pipeline.vae, pipeline.scheduler, made, made, unmasked=1, mirror=False, dropout=0.5)
    batch = task.batch(32, step_generator(torch.device("cpu"), 0, 0, 0))
    own = {True: made.over[:, 0].float(), False: made.before.float()}
    shown = batch["shown"].flatten() > 0
    assert 0 < shown.sum() < 32
    for left, seen in zip(batch["left"], shown.tolist(), strict=True):
        assert any(torch.equal(left, one) for one in own[seen])
    assert (batch["masks"] == 1).all()
    assert not len(fittings(pipeline.vae, people(before=False), bodies=Placed()).over)


def test_what_is_laid_over_somebody_is_shown_where_there_is_a_garment_alone(pipeline, wide):
    """With guidance the model is asked twice, and sees the empty zone where it sees no garment."""
    asked = []

    class Watched:
        def __call__(self, latents, timestep, **_):
            asked.append(latents)
            return (torch.zeros_like(latents[:, :4]),)

    left, over, mask, garment = (
        torch.zeros(1, 4, 6, 4),
        torch.ones(1, 4, 6, 4),
        torch.ones(1, 1, 6, 4),
        torch.ones(1, 4, 6, 4),
    )
    scheduler = LCMScheduler.from_config(pipeline.scheduler.config)
    noise = torch.randn(1, 4, 12, 4)
    for given, seen in ((over, 1.0), (None, 0.0)):
        asked.clear()
        options = {"num_inference_steps": 4, "guidance_scale": 2.0, "laid": given, "method": ROLLED_OUT}
        try_on(Watched(), scheduler, left, mask, garment, noise, **options)
        first, last = asked[0], asked[-1]
        assert (len(first), len(last)) == (1, 2)  # it is guided where little noise is left
        assert (first[:, 5:, :6] == seen).all()
        assert (last[0, 5:, :6] == 0).all()
        assert (last[1, 5:, :6] == seen).all()
