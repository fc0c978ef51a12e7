"""A call's trace in forms that other tools read: pcap for Wireshark, a SIPp scenario, HEP for a capture server."""
