"""The Python interface behind `import latentsearch`; most verbs of the command line call it, too."""
