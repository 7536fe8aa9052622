"""The life of one start: submitted once, followed to its claim, told in words, named when it ends."""
