"""An index as a whole: opening, searching, writing, checking and maintaining it."""
