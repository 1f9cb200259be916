"""The alarms of one bed: rules, each alarm's life, the engine, the log, and what outlives a power cut. All pure.

Begin at :mod:`edge.alarms.rules` (when an alarm is due) and :mod:`edge.alarms.engine` (what becomes of it);
:mod:`edge.alarms.keeper` is what the monitor holds.
"""
