"""All beds that are heard of over MQTT, as one who watches sees them: common to page and terminal. All pure.

Begin at :mod:`edge.ward.heard` (a message becomes a fact) and :mod:`edge.ward.beds` (facts become beds as they stand).
"""
