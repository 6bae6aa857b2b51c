"""Graded protection: policy data, registered systems, assessments from evidence, packages that outsiders verify."""
