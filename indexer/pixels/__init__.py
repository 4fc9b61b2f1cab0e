"""A decoded picture -> upright 8-bit sRGB pixels, framed as an encoder wants them."""
