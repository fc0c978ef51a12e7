"""A softphone on pjsua2 for the demo, for ring tests and for end-to-end tests.

pjsua2 is licensed under the GPL. It is imported by `softphone` alone, which runs only in a process of its own
(`python -m b2bua.phone`); the rest of the product talks to that process in lines of JSON, through `client`.
"""
