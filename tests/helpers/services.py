"""Docker, a registry and Slurm for the tests: private to a folder, on loopback or a socket, without systemd.

Nothing here touches services that the machine already runs; each is ended by its own process id.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "volfid"
SUITE = "bookworm"
# what an image wants of its base, so that the build itself needs no Debian mirror
BASE_PACKAGES = "python3,python3-venv,ca-certificates,procps,libnuma1"
DOCKER = ("docker", "dockerd", "containerd", "runc", "debootstrap", "docker-registry")
SLURM = ("munged", "slurmctld", "slurmd", "sbatch", "scontrol", "sinfo")


def missing(programs: tuple[str, ...]) -> str | None:
    """Why these services cannot be started here; None when they can."""
    if os.geteuid() != 0:
        return "needs root"
    absent = [program for program in programs if not shutil.which(program)]
    return f"not installed: {', '.join(absent)}" if absent else None


def call(*command: str | Path, **options) -> str:
    """Standard output of a command that must succeed."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
    return done.stdout


def wait_for(ready: Callable[[], bool], what: str, log: Path, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, f"{what} did not start: {log.read_text()[-3000:] if log.exists() else ''}"
        time.sleep(0.25)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def daemon(command: list[str], log: Path) -> Iterator[subprocess.Popen]:
    """A program in the background, ended with TERM and, after a while, KILL."""
    with open(log, "ab") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, start_new_session=True
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def docker_engine(folder: Path) -> Iterator[str]:
    """A Docker engine with its data in `folder` (kept: images stay); gives the DOCKER_HOST."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:  # two engines cannot share a folder: the second test run waits
        fcntl.flock(lock, fcntl.LOCK_EX)
        with _docker_engine(folder) as host:
            yield host


@contextlib.contextmanager
def _docker_engine(folder: Path) -> Iterator[str]:
    host = f"unix://{folder}/docker.sock"
    for name in ("docker.pid", "docker.sock"):
        (folder / name).unlink(missing_ok=True)
    command = [
        "dockerd",
        "--data-root",
        f"{folder}/data",
        "--exec-root",
        f"{folder}/exec",
        "--pidfile",
        f"{folder}/docker.pid",
        # no bridge and no packet filter: builds use the host's network, tasks none
        "--bridge=none",
        "--iptables=false",
        "--ip6tables=false",
        "--ip-masq=false",
        "-H",
        host,
    ]
    log = folder / "dockerd.log"
    log.unlink(missing_ok=True)
    with daemon(command, log) as process:

        def ready() -> bool:
            assert process.poll() is None, log.read_text()[-3000:]
            return subprocess.run(["docker", "-H", host, "version"], capture_output=True, check=False).returncode == 0

        wait_for(ready, "dockerd", log)
        yield host
    subprocess.run(["umount", f"{folder}/exec/netns/default"], capture_output=True, check=False)


def debian_mirror() -> str:
    """The mirror of Debian that apt uses here."""
    rows = call("apt-get", "indextargets", "--format", "$(ORIGIN)|$(CODENAME)|$(REPO_URI)").splitlines()
    found = [uri for origin, name, uri in (row.split("|") for row in rows) if origin == "Debian" and name == SUITE]
    return found[0] if found else ""


def debian_base(environment: dict[str, str]) -> str:
    """Id of a Debian base image with Python, made once by debootstrap and kept as an archive."""
    archive = CACHE / f"debian-{SUITE}-{BASE_PACKAGES.replace(',', '-')}.tar"
    tag = f"volfid-test-base:{SUITE}"
    if not archive.exists():
        root, new = CACHE / "debian.root", archive.with_suffix(".new")
        shutil.rmtree(root, ignore_errors=True)
        CACHE.mkdir(parents=True, exist_ok=True)
        mirror = debian_mirror()
        call(
            "debootstrap", "--variant=minbase", f"--include={BASE_PACKAGES}", SUITE, root, *([mirror] if mirror else [])
        )
        call("tar", "-C", root, "--exclude=./var/cache/apt/*", "--exclude=./var/lib/apt/lists/*", "-cf", new, ".")
        new.rename(archive)
        shutil.rmtree(root)
    known = subprocess.run(
        ["docker", "image", "inspect", "--format", "{{.Id}}", tag],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    if known.returncode == 0:
        return known.stdout.strip()
    return call("docker", "import", archive, tag, env=environment).strip()


@contextlib.contextmanager
def registry(folder: Path) -> Iterator[str]:
    """An image registry on loopback; gives host:port."""
    folder.mkdir(parents=True)
    port = free_port()
    config = folder / "config.yml"
    config.write_text(
        f"version: 0.1\nlog: {{level: warn}}\nstorage:\n  filesystem: {{rootdirectory: {folder}/store}}\n"
        f"http:\n  addr: 127.0.0.1:{port}\n"
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def ready() -> bool:
        try:
            return opener.open(f"http://127.0.0.1:{port}/v2/", timeout=2).status == 200
        except (urllib.error.URLError, OSError):
            return False

    with daemon(["docker-registry", "serve", str(config)], folder / "log"):
        wait_for(ready, "the registry", folder / "log")
        yield f"localhost:{port}"


SLURM_CONF = """\
ClusterName=volfid
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
StateSaveLocation={folder}/ctld
SlurmdSpoolDir={folder}/spool
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
{limits}
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_min_interval=100000,defer
SwitchType=switch/none
MpiDefault=none
MailProg=/bin/true
ReturnToService=2
MinJobAge=300
KillWait=5
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} Gres=gpu:2 State=UNKNOWN
PartitionName=cpu Nodes={host} Default=YES MaxTime=INFINITE State=UP DefMemPerCPU=256
PartitionName=cards Nodes={host} MaxTime=INFINITE State=UP DefMemPerCPU=256
"""


@contextlib.contextmanager
def slurm(folder: Path) -> Iterator[str]:
    """Slurm on this one node with two made-up cards; gives SLURM_CONF. Partitions: cpu (default) and cards.

    Memory limits are real: by cgroups version 1 where those can be written, else by sampling.
    """
    for name in ("munge", "ctld", "spool", "gpu"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "munge").chmod(0o700)
    key = folder / "munge/key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    for number in (0, 1):
        os.mknod(folder / f"gpu/dev{number}", 0o020666, os.makedev(1, 3))
    limits = "TaskPlugin=task/none\nJobAcctGatherParams=OverMemoryKill"
    if os.access("/sys/fs/cgroup/memory", os.W_OK):
        limits = "TaskPlugin=task/cgroup"
        (folder / "cgroup.conf").write_text(
            "CgroupPlugin=cgroup/v1\nCgroupMountpoint=/sys/fs/cgroup\nConstrainCores=no\nConstrainRAMSpace=yes\n"
            "ConstrainSwapSpace=no\nAllowedRAMSpace=100\n"
        )
    host = socket.gethostname().split(".")[0]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20 * 8 // 10
    config = folder / "slurm.conf"
    config.write_text(
        SLURM_CONF.format(
            host=host,
            folder=folder,
            ports=(free_port(), free_port()),
            limits=limits,
            cpus=os.cpu_count(),
            memory=memory,
        )
    )
    (folder / "gres.conf").write_text(f"NodeName={host} Name=gpu File={folder}/gpu/dev[0-1]\n")
    environment = {**os.environ, "SLURM_CONF": str(config)}
    munge = [
        f"--{name}={folder}/munge/{file}"
        for name, file in (
            ("key-file", "key"),
            ("socket", "socket"),
            ("pid-file", "pid"),
            ("log-file", "log"),
            ("seed-file", "seed"),
        )
    ]
    started = [folder / "munge/pid", folder / "slurmctld.pid", folder / "slurmd.pid"]
    try:
        call("munged", "--force", *munge)
        call("slurmctld", "-c", "-f", config, env=environment)
        call("slurmd", "-f", config, env=environment)

        def ready() -> bool:
            state = subprocess.run(
                ["sinfo", "-h", "-o", "%T"], env=environment, capture_output=True, text=True, check=False
            )
            return any(word in state.stdout for word in ("idle", "mixed", "allocated"))

        wait_for(ready, "slurm", folder / "slurmctld.log")
        yield str(config)
    finally:
        for pid in reversed(started):
            if pid.exists():
                end(int(pid.read_text()))


def end(pid: int, seconds: float = 20) -> None:
    """TERM, then KILL, to one process that is no child of this one."""
    for sent in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, sent)
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                os.kill(pid, 0)
                time.sleep(0.1)
