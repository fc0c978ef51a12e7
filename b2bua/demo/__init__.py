"""The demo: real calls between softphones through the real service, shown as they happen and checked by ear.

`python -m b2bua.demo` runs it; `installation` is used by the end-to-end tests too.
"""
