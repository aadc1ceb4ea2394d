"""Side-by-side measurements of speed and memory: `make bench`. They print figures without judging them."""
