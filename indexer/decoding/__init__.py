"""The bytes of a picture file -> pixels, by Pillow and what it lacks."""
