"""How people stand, sit, walk, hold their arms and move them."""
