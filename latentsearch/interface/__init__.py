"""The Python interface behind `import latentsearch`, which the command line is built on."""
