#!/usr/bin/env python3
"""While an image is built: does it hold what its lock says, and does that work? Exit status 1 with all that does not.

Standard library only, and `packaging` for --requirements.
"""

import argparse
import importlib
import re
import shutil
import sys
from importlib import metadata

import doctor


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def installed():
    """Package to the list of its versions on the path; two of them mean that one hides the other."""
    found = {}
    for package in metadata.distributions():
        found.setdefault(canonical(package.metadata["Name"]), set()).add(
            (package.version, str(package.locate_file("")))
        )
    return {name: sorted(version for version, _ in places) for name, places in found.items()}


def unmet(names, have):
    """Lines about requirements of the named packages that what is installed does not meet."""
    from packaging.requirements import Requirement

    for name in sorted(names & have.keys()):
        for text in metadata.requires(name) or ():
            wanted = Requirement(text)
            if wanted.marker and not wanted.marker.evaluate({"extra": ""}):
                continue
            versions = have.get(canonical(wanted.name), [])
            if not versions:
                yield f"{name} needs {wanted}, which is not installed"
            elif not wanted.specifier.contains(versions[0], prereleases=True):
                yield f"{name} needs {wanted}, and {versions[0]} is installed"


def failures(options):
    want = doctor.locked(sys.version_info[:2], options.lock)
    if not want:
        yield f"{options.lock} names no package"
    want = want | dict(text.split("==") for text in options.exactly)
    have = installed()
    for name, version in sorted(want.items()):
        # a build of the same version for a certain CUDA is that version
        if [text.split("+")[0] for text in have.get(name, [])] != [version]:
            yield f"{name} is {' and '.join(have.get(name, ['missing']))}, not {version}"
    if options.nothing_else:
        yield from (f"{name} is installed and not in the lock" for name in sorted(have.keys() - want.keys()))
    if options.requirements:
        yield from unmet(set(want), have)
    yield from (f"there is no {program}" for program in options.programs if not shutil.which(program))
    for name in options.imports:
        try:
            importlib.import_module(name)
        except Exception as error:  # whatever a broken library raises is what is to be told
            yield f"import {name}: {type(error).__name__}: {error}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lock", help="requirements.lock of the image")
    parser.add_argument("--nothing-else", action="store_true", help="no package beside those of the lock")
    parser.add_argument("--requirements", action="store_true", help="what the locked packages ask for is met")
    parser.add_argument("--exactly", nargs="*", default=[], metavar="NAME==VERSION", help="packages of the base")
    parser.add_argument("--programs", nargs="*", default=[], metavar="NAME")
    parser.add_argument("--imports", nargs="*", default=[], metavar="MODULE")
    found = list(failures(parser.parse_args()))
    for line in found:
        print(f"probe: {line}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
