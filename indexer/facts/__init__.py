"""Facts of a picture itself: when, where and with what it was taken, read from its Exif and XMP metadata."""
