"""Bytes of names, certificates, CRLs and OCSP answers: written by us, fields encoded by ``cryptography``."""
