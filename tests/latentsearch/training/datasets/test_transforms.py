"""T of IVE-GAN on drawn batches: how far it goes, that each picture has its own, and what repeats it."""

import math

import pytest

torch = pytest.importorskip("torch")

from latentsearch.training.datasets.transforms import Alteration, Jitter, Transformation  # noqa: E402

SIZE = 32
FREE = {"shift": 4, "rotation": 20, "flip": True, "brightness": 0.1, "contrast": 0.1, "hue": 0.05}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def pictures(count=64):
    return torch.rand(count, 3, SIZE, SIZE, generator=seeded(7))


def spots(count=64, across=0, down=0):
    """Black pictures with a white spot, its middle so far from the picture's."""
    x = torch.zeros(count, 1, SIZE, SIZE)
    middle = SIZE // 2
    x[:, :, middle + down - 2 : middle + down + 2, middle + across - 2 : middle + across + 2] = 1
    return x


def middles(x):
    """Where the spots are, in pixels right of and below the middle: (n, 2)."""
    at = torch.arange(SIZE) + 0.5 - SIZE / 2
    mass = x[:, 0]
    total = mass.sum((1, 2))
    return torch.stack([(mass.sum(1) * at).sum(1) / total, (mass.sum(2) * at).sum(1) / total], 1)


def test_nothing_asked_for_is_nothing_done():
    x = pictures()
    assert torch.allclose(Transformation()(x, seeded()), x, atol=1e-5)


def test_the_same_generator_state_gives_the_same_pictures_and_another_does_not():
    x, transform = pictures(), Transformation(**FREE)
    assert torch.equal(transform(x, seeded()), transform(x, seeded()))
    assert not torch.equal(transform(x, seeded()), transform(x, seeded(1)))


def test_no_other_source_of_randomness_is_used():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    Transformation(**FREE)(pictures(), seeded())
    assert torch.equal(before, torch.get_rng_state())


def test_pictures_keep_shape_range_and_type():
    y = Transformation(**FREE)(pictures(), seeded())
    assert y.shape == (64, 3, SIZE, SIZE) and y.dtype == torch.float32
    assert y.min() >= 0 and y.max() <= 1


def test_every_picture_of_a_batch_has_its_own_transformation():
    y = Transformation(**FREE)(pictures(1).expand(16, -1, -1, -1), seeded())
    assert all(not torch.equal(y[0], other) for other in y[1:])


def test_shifts_go_both_ways_up_to_their_limit():
    moved = middles(Transformation(shift=4)(spots(256), seeded()))
    assert moved.abs().max() <= 4.01
    assert (moved.min(0).values < -3.5).all() and (moved.max(0).values > 3.5).all()
    assert torch.corrcoef(moved.T)[0, 1].abs() < 0.2


def test_rotations_turn_about_the_middle_up_to_their_limit():
    x, y = middles(Transformation(rotation=20, padding="zeros")(spots(256, across=10), seeded())).unbind(1)
    angles = torch.atan2(y, x).rad2deg()
    assert angles.abs().max() < 21 and angles.min() < -17 and angles.max() > 17
    assert torch.allclose(torch.hypot(x, y), torch.tensor(10.0), atol=0.2)


def test_every_second_picture_is_mirrored():
    moved = middles(Transformation(flip=True)(spots(256, across=6), seeded()))[:, 0]
    assert torch.allclose(moved.abs(), torch.tensor(6.0), atol=0.01)
    assert 0.35 < (moved < 0).float().mean() < 0.65


@pytest.mark.parametrize(("padding", "lowest"), [("zeros", 0.0), ("reflection", 1.0)])
def test_what_lies_beyond_the_edges(padding, lowest):
    moved = Transformation(shift=8, rotation=20, padding=padding)(torch.ones(16, 1, SIZE, SIZE), seeded())
    assert moved.min().item() == pytest.approx(lowest)


def test_brightness_is_added_up_to_its_limit():
    means = Transformation(brightness=0.1)(torch.full((256, 3, 8, 8), 0.5), seeded()).mean((1, 2, 3))
    assert 0.4 <= means.min() < 0.42 and 0.58 < means.max() <= 0.6


def test_contrast_is_a_factor_about_the_mean():
    x = 0.3 + 0.4 * pictures(256)
    y = Transformation(contrast=0.1)(x, seeded())
    factors = y.std((1, 2, 3)) / x.std((1, 2, 3))
    assert torch.allclose(y.mean((2, 3)), x.mean((2, 3)), atol=1e-4)
    assert 0.899 < factors.min() < 0.92 and 1.08 < factors.max() < 1.101


def test_hue_turns_about_grey():
    grey = torch.full((4, 3, 8, 8), 0.5)
    assert torch.allclose(Transformation(hue=0.5)(grey, seeded()), grey, atol=1e-5)
    colour = torch.tensor([0.6, 0.4, 0.5]).view(1, 3, 1, 1).expand(256, 3, 8, 8)
    turned = Transformation(hue=0.05)(colour, seeded())[:, :, 0, 0]
    assert torch.allclose(turned.mean(1), torch.tensor(0.5), atol=1e-4)
    before, now = torch.tensor([0.6, 0.4, 0.5]) - 0.5, turned - 0.5
    angles = torch.acos((now @ before / before.norm() / now.norm(dim=1)).clamp(-1, 1)) / (2 * math.pi)
    assert angles.max() < 0.0501 and angles.max() > 0.04


def test_points_are_shifted_by_half_the_covariance():
    x = torch.zeros(20_000, 2)
    y = Jitter(0.02 / 2**0.5)(x, seeded())
    assert torch.allclose(y.T.cov(), torch.eye(2) * 0.02**2 / 2, atol=1e-5)
    assert torch.equal(y, Jitter(0.02 / 2**0.5)(x, seeded()))


def test_zoom_makes_larger_and_smaller_up_to_its_limit():
    areas = Transformation(zoom=0.2, padding="zeros")(spots(256), seeded()).sum((1, 2, 3)) / 16
    assert math.exp(-0.4) * 0.9 < areas.min() < 0.75 and 1.35 < areas.max() < math.exp(0.4) * 1.1


def test_a_share_of_the_pictures_gets_any_hue():
    red = torch.tensor([1.0, 0.4, 0.4]).view(1, 3, 1, 1).expand(400, 3, 8, 8)
    turned = Transformation(recoloured=0.25)(red, seeded())[:, :, 0, 0]
    changed = (turned - red[0, :, 0, 0]).abs().max(1).values > 0.01
    assert 0.18 < changed.float().mean() < 0.32
    assert {int(channel) for channel in turned[changed].argmax(1)} == {0, 1, 2}


def test_an_alteration_of_nothing_is_nothing():
    x = pictures()
    assert torch.allclose(Alteration(Transformation(), blurred=0, hidden=0)(x, seeded()), x, atol=1e-5)


def test_an_alteration_draws_from_its_own_source_alone():
    x, alter = pictures(), Alteration(Transformation(**FREE, zoom=0.1, recoloured=0.5))
    torch.manual_seed(0)
    before = torch.get_rng_state()
    assert torch.equal(alter(x, seeded()), alter(x, seeded()))
    assert not torch.equal(alter(x, seeded()), alter(x, seeded(1)))
    assert torch.equal(before, torch.get_rng_state())


def test_some_pictures_are_smoothed_and_keep_their_mean():
    x = pictures(256)
    y = Alteration(Transformation(), blurred=0.5, hidden=0)(x, seeded())
    changed = (y - x).abs().amax((1, 2, 3)) > 1e-3
    assert 0.4 < changed.float().mean() < 0.6
    inner = slice(4, -4)  # what lies at the edges is repeated beyond them
    assert torch.allclose(y[..., inner, inner].mean((1, 2, 3)), x[..., inner, inner].mean((1, 2, 3)), atol=0.01)
    assert (y[changed].std((1, 2, 3)) < x[changed].std((1, 2, 3))).all()


def test_some_pictures_have_a_rectangle_of_one_shade_hidden():
    x = pictures(256) * 0.5 + 0.25
    y = Alteration(Transformation(), blurred=0, hidden=0.5)(x, seeded())
    hidden = (y != x).any(1)
    chosen = hidden.flatten(1).any(1)
    assert 0.4 < chosen.float().mean() < 0.6
    shares = hidden[chosen].float().mean((1, 2))
    assert shares.min() < 0.05 and 0.3 < shares.max() <= 0.72**2
    black = 0
    for before, now, where in zip(x[chosen], y[chosen], hidden[chosen], strict=True):
        rows, columns = where.any(1), where.any(0)
        assert torch.equal(where, rows[:, None] & columns[None, :])
        assert now[:, where].unique().numel() == 1
        assert torch.equal(now[:, ~where], before[:, ~where])
        black += now[:, where].max().item() == 0
    assert 0.35 < black / len(y[chosen]) < 0.65
