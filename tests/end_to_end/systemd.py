"""A systemd of the test's own: first process of its own process, mount and network namespaces, with our units alone.

Nothing of the machine's own systemd, if there is one, is touched: unit directories, /etc, /run, /tmp and /var/lib are
file systems that only the namespaces see, and no unit is there but ours and the targets that they name.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

ROOT: Final = Path(__file__).resolve().parents[2]
SYSTEMD: Final = Path("/lib/systemd/systemd")
PYTHON: Final = "/usr/bin/python3"  # which any user may run
TARGETS: Final = "basic sysinit shutdown sockets local-fs network network-online multi-user umount final"
LONGEST: Final = 240  # seconds that it lives at most
UP: Final = 60.0  # seconds for anything that it is to do
CGROUPS: Final = Path("/sys/fs/cgroup/systemd")

_STATES: Final = ("starting", "running", "degraded", "maintenance")
_CONFIGURATION: Final = """\
[sip]
listen = ["udp:127.0.0.1:5060"]

[media]
relay_socket = "/run/multiring-relay/relay.sock"
ports = [20000, 20199]

[trunks.local]
sources = ["127.0.0.0/8"]

[numbers."100"]
recipients = [{ name = "Ana", destination = "sip:ana@127.0.0.1:5071" }]

[records]
database = "/var/lib/multiring/calls.sqlite"

[service]
control_socket = "/run/multiring-core/core.sock"
"""

# The service's user may enter neither this clone nor the interpreter, as a rule: so it gets an environment of its own,
# made with the machine's Python, in which sources and libraries appear where it can read them.
_BOOT: Final = f"""\
set -e
mount --make-rprivate /
mount -t proc proc /proc
for place in /run /var/lib /opt; do mount -t tmpfs -o mode=755 tmpfs $place; done
mkdir -p /run/lock /run/new/etc /run/units
cp -a /etc/. /run/new/etc; mount --bind /run/new/etc /etc
for target in {TARGETS}; do cp /lib/systemd/system/$target.target /run/units/ 2>/dev/null || true; done
for unit in -.slice system.slice init.scope; do cp /lib/systemd/system/$unit /run/units/ 2>/dev/null || true; done
mount --bind /run/units /lib/systemd/system
for generators in /lib/systemd/system-generators /lib/systemd/system-environment-generators; do
    if [ -d $generators ]; then mount -t tmpfs tmpfs $generators; fi
done
rm -rf /etc/systemd/system; mkdir -p /etc/systemd/system /etc/multiring /var/lib/multiring
cp "$1"/deploy/*.service "$1"/deploy/*.mount /etc/systemd/system/
printf '[Unit]\\nDescription=a test\\n' > /etc/systemd/system/try.target
echo 'multiring:x:990:990::/var/lib/multiring:/usr/sbin/nologin' >> /etc/passwd
echo 'multiring:x:990:' >> /etc/group
mkdir /opt/sources /opt/libraries
mount --bind "$1" /opt/sources; mount --bind "$2" /opt/libraries
{PYTHON} -m venv --without-pip /opt/multiring
printf '/opt/sources\\n/opt/libraries\\n' > /opt/multiring/lib/python3.{sys.version_info[1]}/site-packages/here.pth
echo '#!/opt/multiring/bin/python3' > /opt/multiring/bin/b2bua
printf 'import sys\\nfrom b2bua.__main__ import main\\nsys.exit(main())\\n' >> /opt/multiring/bin/b2bua
chmod 755 /opt/multiring/bin/b2bua
cat > /etc/multiring/multiring.toml
chown root:multiring /etc/multiring/multiring.toml; chmod 640 /etc/multiring/multiring.toml
chown multiring:multiring /var/lib/multiring
ip link set lo up
export container=other
exec {SYSTEMD} --system --unit=try.target --log-target=null < /dev/null > /dev/null 2>&1
"""


def why_not() -> str:
    """Why there can be none here; "" when there can."""
    if os.geteuid() != 0:
        return "only root can make the namespaces"
    if not SYSTEMD.exists():
        return "systemd is not installed"
    if not CGROUPS.is_dir() and not Path("/sys/fs/cgroup/cgroup.controllers").exists():
        return "no control groups are mounted"
    version = f"import sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"
    if subprocess.run((PYTHON, "-c", version), capture_output=True, check=False).returncode:
        return f"{PYTHON} is not of the version that runs this test"
    return ""


class Systemd:
    """``with Systemd() as systemd``. Ends with everything in it when the block is left."""

    def __init__(self) -> None:
        self._unshare: subprocess.Popen[bytes] | None = None
        self._init = 0

    def __enter__(self) -> Self:
        namespaces = ("--mount", "--pid", "--fork", "--kill-child", "--ipc", "--uts", "--net")
        boot = ("/bin/sh", "-c", _BOOT, "boot", str(ROOT), sysconfig.get_path("purelib"))
        self._unshare = subprocess.Popen(
            ("timeout", "--signal=KILL", str(LONGEST), "unshare", *namespaces, *boot), stdin=subprocess.PIPE
        )
        assert self._unshare.stdin is not None
        self._unshare.stdin.write(_CONFIGURATION.encode())
        self._unshare.stdin.close()
        try:
            self.until(self._find_init, "systemd is the first process")
            self.until(lambda: self.systemctl("is-system-running").strip() in _STATES, "systemd answers")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._init:
            os.kill(self._init, signal.SIGKILL)  # and with it all of its namespace
        if self._unshare is not None:
            self._unshare.terminate()
            self._unshare.wait(20)

    def run(self, *command: str) -> str:
        """What a command within prints, its errors with it."""
        done = subprocess.run(
            ("nsenter", f"--target={self._init}", "--mount", "--pid", "--net", "--ipc", "--uts", *command),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=UP, check=False,
        )  # fmt: skip
        return done.stdout + done.stderr

    def systemctl(self, *words: str) -> str:
        return self.run("systemctl", "--no-pager", *words)

    def of(self, unit: str, what: str) -> str:
        """A property of one of our units."""
        return self.systemctl("show", "--property", what, "--value", f"multiring-{unit}.service").strip()

    def pid(self, unit: str) -> int:
        """Of its main process, as its own namespace numbers it; 0 for none."""
        return int(self.of(unit, "MainPID") or 0)

    def kill(self, unit: str, number: signal.Signals) -> None:
        self.run("kill", f"-{int(number)}", str(self.pid(unit)))

    def until(self, condition: object, what: str) -> None:
        """Wait until it is so. AssertionError, with what systemd says, when it does not come to that."""
        assert callable(condition)
        deadline = time.monotonic() + UP
        while not condition():
            if time.monotonic() > deadline:
                said = (
                    self.systemctl("status", "--lines=0", "multiring-*")
                    if self._init
                    else "it did not come up"
                )
                raise AssertionError(f"not so within {UP:g} s: {what}\n{said}")
            time.sleep(0.1)

    def is_active(self, unit: str) -> bool:
        return self.of(unit, "ActiveState") == "active"

    def _find_init(self) -> bool:
        """The process in whose namespace it is the first."""
        assert self._unshare is not None
        for process in Path("/proc").iterdir():
            if process.name.isdigit() and _parents(int(process.name), self._unshare.pid):
                try:
                    is_init = (process / "comm").read_text().strip() == "systemd"
                except OSError:
                    continue
                if is_init:
                    self._init = int(process.name)
                    return True
        return False


def _parents(pid: int, ancestor: int) -> bool:
    """Whether a process descends from another."""
    while pid > 1:
        if pid == ancestor:
            return True
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return False
    return False
