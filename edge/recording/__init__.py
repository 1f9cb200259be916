"""What a recording holds and how it is told: WFDB segments and annotations, strips on ECG paper, CSV, FHIR. All pure.

Begin at :mod:`edge.recording.segments` (a stream becomes segments) and :mod:`edge.recording.marks` (events become
annotations); the files are written and read in :mod:`edge.io`.
"""
