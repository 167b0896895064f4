"""The metrics on plain files, without a plan: `measure_fidelity.py plain` and `evaluate_retrieval.py plain`."""
