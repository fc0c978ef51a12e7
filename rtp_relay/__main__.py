"""python -m rtp_relay: the relay in its own process; see --help."""

import sys

from rtp_relay.process.service import main

if __name__ == "__main__":
    sys.exit(main())
