"""The losses that the papers share, averaged over the batch."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """-log D(x) - log(1 - D(G(z))) from logits (n,) (AEGAN eq. 4, maximised over D)."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def generator_loss(fake: Tensor) -> Tensor:
    """-log D(G(z)) from logits (n,): eq. 4's minimum over G in the form that does not saturate (DCGAN)."""
    return F.softplus(-fake).mean()


def matching_aware_loss(real: Tensor, wrong: Tensor, fake: Tensor, differs: Tensor) -> Tensor:
    """-log D(x, y) - (log(1 - D(x, wrong y)) + log(1 - D(G(z, y'), y'))) / 2 from logits (n,) (Reed et al., Alg. 1).

    differs: bool (n,), whether the wrong y, which is drawn, is another than the image's own; else its pair counts not.
    """
    mismatched = (F.softplus(wrong) * differs).sum() / differs.sum().clamp(min=1)
    return F.softplus(-real).mean() + (mismatched + F.softplus(fake).mean()) / 2


def gradient_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, shares: Tensor) -> Tensor:
    """(|gradient of D| - 1)^2 at a point between each real and each fake image (Gulrajani et al., 2017, eq. 3).

    real, fake: (n, ...); shares: (n,) in [0, 1], how far each point is from the real image. Mean over the batch.
    """
    points = torch.lerp(real, fake, shares.view(-1, *[1] * (real.dim() - 1))).detach().requires_grad_(True)
    (slopes,) = torch.autograd.grad(critic(points).sum(), points, create_graph=True)
    penalty: Tensor = (slopes.flatten(1).float().norm(dim=1) - 1).square().mean()
    return penalty


def image_cross_entropy(x: Tensor, reconstruction_logits: Tensor) -> Tensor:
    """-x log x' - (1 - x) log(1 - x'), mean over pixels; x in [0, 1], x' as logits (AEGAN eq. 7)."""
    return F.binary_cross_entropy_with_logits(reconstruction_logits.float(), x)


def squared_error(x: Tensor, drawn: Tensor) -> Tensor:
    """||x' - x||^2: images (n, ...) -> sums (n,)."""
    return (drawn.float() - x).square().flatten(1).sum(1)


def gaussian_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, variance) || N(0, 1)), summed over a code's numbers (n, latent_size), mean over the batch."""
    return (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean() / 2


def contrastive_loss(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """NT-Xent (Chen et al., 2020, eq. 1): two views' projections (n, d) each, of which row i shows one picture.

    The cross-entropy of finding a view's other view among those of all other pictures, by cosine over `temperature`.
    """
    count = len(first)
    views = F.normalize(torch.cat([first, second]).float())
    similarities = views @ views.T / temperature
    similarities.fill_diagonal_(-torch.inf)
    return F.cross_entropy(similarities, torch.arange(2 * count, device=views.device).roll(count))


def prediction_loss(foretold: Tensor, told: Tensor) -> Tensor:
    """|p / |p| - q / |q||^2, mean over the batch: how far predictions (n, d) point from what came (n, d).

    Grill et al., 2020 ("Bootstrap your own latent"), eq. 2.
    """
    return (F.normalize(foretold.float()) - F.normalize(told.float())).square().sum(1).mean()
