"""What the guides promise and do not show; `guides_check.py` asks for it after each of them."""
