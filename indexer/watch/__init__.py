"""`latentsearch index --watch`: keeps an index up to date with its folders."""
