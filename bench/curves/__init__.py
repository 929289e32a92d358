"""Curves: what something costs as the work grows. `python -m bench.growth` measures and draws them.

Each module here has `CURVES`, a tuple of `Curve` (curve.py); growth.py finds it by itself.
"""
