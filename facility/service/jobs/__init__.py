"""Jobs submitted and changed in people's names."""
