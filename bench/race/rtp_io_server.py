"""rtp.io with calls in it, in a process of its own and with the Python that has it: started by rivals.py.

    python rtp_io_server.py ADDRESS FIRST-LAST CALLS FAR FAR_PORT

Far ends of call n are at FAR, ports FAR_PORT + 4n and + 4n + 2. Prints the relay's ports that they send to, a call to
a line, and stays until its standard input ends.
"""

import sys

from rtp.io import rtpproxy  # type: ignore[import-not-found]


def main() -> None:
    address, ports, calls, far, far_port = sys.argv[1:]
    first, last = ports.split("-")
    proxy = rtpproxy(
        extra_args=["-l", address, "-m", first, "-M", last, "-L", "20000", "-T", "3600", "-d", "crit", "-F"]
    )

    def ask(command: str) -> str:
        proxy.rtpp_sock.send(command.encode() + b"\n")
        return str(proxy.rtpp_sock.recv(1024).decode().split()[0])

    for number in range(int(calls)):
        port = int(far_port) + 4 * number
        from_b = ask(f"Uc0 {number} {far} {port} a;1")  # where the called side sends to, for the caller at `port`
        from_a = ask(f"Lc0 {number} {far} {port + 2} a;1 b;1")
        print(from_a, from_b)
    print("ready", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
