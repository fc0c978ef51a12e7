"""What the service has counted, for Prometheus.

`tally` keeps what the records of calls tell, in plain numbers; `exposition` makes metrics of that and of the counters
that the switchboard, the relay and the store have anyway, when somebody asks; `server` is asked, and `point` joins the
three. Only who has metrics switched on imports more than `tally`.
"""
