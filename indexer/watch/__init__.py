"""`latentsearch index --watch`: an index that follows its folders."""
