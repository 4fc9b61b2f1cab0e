"""The Python interface behind `import latentsearch`; the command line is built on it."""
