"""The web console: REST API, live events and pages, in a process of its own that calls do not need."""
