"""Train the papers' networks: `engine` is the shared loop, `datasets` its input, `families` has a module per paper."""
