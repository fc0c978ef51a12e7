"""Call flows around the calls: their checks, their form as text, their versions, and whose turn it is.

The values themselves are in b2bua.calls.flow; how they stand in a file is in b2bua.config.flow_settings.
"""
