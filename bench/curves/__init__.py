"""Curves: costs over the size of the work. `python -m bench.growth` measures and draws them.

Each module here has `CURVES`, a tuple of `Curve` (curve.py); growth.py finds all of them.
"""
