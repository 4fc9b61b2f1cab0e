"""Similarity search for image collections, on codes that GAN inverters learn without labels."""
