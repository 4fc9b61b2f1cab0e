"""What is counted of searches that several experiments make, with means, intervals and paired differences."""
