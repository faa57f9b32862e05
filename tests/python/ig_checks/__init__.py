"""What `ig_check.py` tries: one module for each part of IG's interface."""
