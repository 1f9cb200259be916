"""From labelled records to artefacts: databases, labels, splits, models, and the EC57 scorer."""
