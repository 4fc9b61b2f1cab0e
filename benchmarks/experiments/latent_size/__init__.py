"""The experiment latent-size."""
