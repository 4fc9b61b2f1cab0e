"""The pipeline of `latentsearch index`, from folders to files to codes to an index."""
