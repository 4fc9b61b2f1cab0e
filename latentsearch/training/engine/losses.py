"""The losses that families share, averaged over the batch unless a docstring says otherwise."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

PENALTY_EVERY = 16


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """-log D(x) - log(1 - D(G(z))) from logits (n,) (AEGAN eq. 4, maximised over D)."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def generator_loss(fake: Tensor) -> Tensor:
    """-log D(G(z)) from logits (n,): AEGAN eq. 4, minimised over G in the non-saturating form."""
    return F.softplus(-fake).mean()


def matching_aware_loss(real: Tensor, wrong: Tensor, fake: Tensor, differs: Tensor) -> Tensor:
    """-log D(x, y) - (log(1 - D(x, wrong y)) + log(1 - D(G(z, y'), y'))) / 2 from logits (n,) (Reed et al., Alg. 1).

    differs: bool (n,), whether the drawn wrong y differs from the image's own; pairs for which it does not are ignored.
    """
    mismatched = (F.softplus(wrong) * differs).sum() / differs.sum().clamp(min=1)
    return F.softplus(-real).mean() + (mismatched + F.softplus(fake).mean()) / 2


def gradient_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, shares: Tensor) -> Tensor:
    """(|gradient of D| - 1)^2 at a point between each real and its fake image (Gulrajani et al., 2017, eq. 3).

    real, fake: (n, ...). shares: (n,) in [0, 1], the position of each point between real (0) and fake (1).
    """
    points = torch.lerp(real, fake, shares.view(-1, *[1] * (real.dim() - 1))).detach().requires_grad_(True)
    (slopes,) = torch.autograd.grad(critic(points).sum(), points, create_graph=True)
    penalty: Tensor = (slopes.flatten(1).float().norm(dim=1) - 1).square().mean()
    return penalty


def squared_gradient(critic: Callable[[Tensor], Tensor], real: Tensor) -> Tensor:
    """|gradient of D|^2 at real images (n, ...), the R1 penalty without its weight (Mescheder et al., 2018, eq. 9)."""
    points = real.detach().requires_grad_(True)
    (slopes,) = torch.autograd.grad(critic(points).sum(), points, create_graph=True)
    return slopes.float().square().flatten(1).sum(1).mean()


def lazy_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, weight: float, step: int) -> Tensor:
    """weight / 2 times `squared_gradient`, computed in every sixteenth step for all of them; otherwise 0.

    The lazy penalty is as good (Karras et al., 2020, section 3.1), and a step takes 1.1 times as long, not 2.3.
    """
    if not weight or step % PENALTY_EVERY:
        return real.new_zeros(())
    return weight / 2 * PENALTY_EVERY * squared_gradient(critic, real)


def image_cross_entropy(x: Tensor, reconstruction_logits: Tensor) -> Tensor:
    """-x log x' - (1 - x) log(1 - x'), mean over all values; x in [0, 1], x' as logits (AEGAN eq. 7)."""
    return F.binary_cross_entropy_with_logits(reconstruction_logits.float(), x)


def squared_error(x: Tensor, drawn: Tensor) -> Tensor:
    """||x' - x||^2 of each image: (n, ...) -> (n,), not averaged over the batch."""
    return (drawn.float() - x).square().flatten(1).sum(1)


def gaussian_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, variance) || N(0, 1)), summed over the code's dimensions; mean, log_variance: (n, latent_size)."""
    return (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean() / 2


def contrastive_loss(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """NT-Xent (Chen et al., 2020, eq. 1) of two views' projections, (n, d) each; rows i of both show the same picture.

    This is the cross-entropy of identifying a view's partner among all other views by cosine similarity / temperature.
    """
    count = len(first)
    views = F.normalize(torch.cat([first, second]).float())
    similarities = views @ views.T / temperature
    similarities.fill_diagonal_(-torch.inf)
    return F.cross_entropy(similarities, torch.arange(2 * count, device=views.device).roll(count))


def prediction_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """|p / |p| - q / |q||^2 between predictions p and targets q, (n, d) each.

    Grill et al., 2020 ("Bootstrap your own latent"), eq. 2.
    """
    return (F.normalize(predicted.float()) - F.normalize(target.float())).square().sum(1).mean()
