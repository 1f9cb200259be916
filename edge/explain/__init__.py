"""What the networks saw of a beat, layer by layer and unit by unit, for those who want to look inside. All pure.

Begin at :mod:`edge.explain.seen` (what is kept while the pipeline runs) and
:mod:`edge.explain.beat` (what is told of it).
"""
