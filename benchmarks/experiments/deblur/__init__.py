"""The experiment deblur."""
