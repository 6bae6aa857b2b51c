"""Small PKI structures that more than one part of the suite needs: DER, signature algorithms, CMS, time-stamps."""
