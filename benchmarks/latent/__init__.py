"""What latent-size measures: a module a group of the paper's figures, over the same models and the same images."""
