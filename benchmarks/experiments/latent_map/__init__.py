"""The experiment latent-map."""
