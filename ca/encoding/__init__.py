"""Bytes of names, certificates, CRLs, OCSP answers and log entries, written by us with fields encoded by ``cryptography``;
requests and keys read and judged."""
