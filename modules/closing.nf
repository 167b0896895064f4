// How a run ends, however it ends: no process left behind, the exit status of what failed, one closing block as the last words.

include { failureOf ; resumeCommand ; summaryLines } from './lastwords.nf'

// Registers the ending of this run. `facts` is filled while it goes on: summary (a file), complete.
def watchEnd(facts) {
    facts.session = nextflow.Global.session
    facts.begun = java.time.Instant.now().minusSeconds(1)
    quietErrors()
    Runtime.runtime.addShutdownHook(new Thread({ closeRun(facts) } as Runnable))
}

// The closing block tells of the failed task; the engine's own 25 lines go to .nextflow.log alone.
def quietErrors() {
    def filter = Class.forName('ch.qos.logback.core.filter.Filter')
    def replies = Class.forName('ch.qos.logback.core.spi.FilterReply').enumConstants.collectEntries { reply -> [reply.name(), reply] }
    def told = ['Error executing process >', 'Killing running tasks', 'Execution cancelled']
    def decide = { event -> told.any { words -> event.formattedMessage?.startsWith(words) } ? replies.DENY : replies.NEUTRAL }
    org.slf4j.LoggerFactory.getLogger('nextflow').iteratorForAppenders().each { appender ->
        if( appender.class.simpleName in ['ConsoleAppender', 'CaptureAppender'] ) {
            appender.addFilter([decide: decide].asType(filter))
        }
    }
}

// At the first error or signal: sees to it that the head ends, whatever the engine waits for.
def endInTime() {
    def guard = new Thread({
        sleep(40000)
        System.exit(1)
    } as Runnable)
    guard.daemon = true
    guard.start()
}

// When the Java machine ends: a hook may not exit, so that it halts with the status.
def closeRun(facts) {
    def done = facts.session.success && facts.complete
    if( !done ) {
        stopTasks(facts.begun)
    }
    summaryLines(facts.summary, done).each { line -> System.out.println(line) }
    System.out.flush()
    if( !done ) {
        def failure = failureOf(facts.session)
        def lines = ["the run ${failure.how} (exit status ${failure.code})"] + failure.lines
        System.err.println("\nvolfid: ${(lines + ["resume  ${resumeCommand()}"]).join('\n  ')}")
        System.err.flush()
        Runtime.runtime.halt(failure.code)
    }
}

// The engine asks the wrapper of a task to end; after a Ctrl-C that is gone already, and what it started goes on.
def stopTasks(begun) {
    (0..60).find { tenth ->
        def left = taskProcesses(begun)
        left.each { process -> tenth == 0 ? process.destroy() : tenth == 50 ? process.destroyForcibly() : null }
        sleep(100)
        return !left
    }
}

// processes on this machine that work in the folder of a task of this run
def taskProcesses(begun) {
    def own = ProcessHandle.current()
    def folder = new File(workflow.workDir.toString()).canonicalPath + '/'
    return ProcessHandle.allProcesses().toList().findAll { process ->
        process.pid() != own.pid() && !process.info().startInstant().orElse(begun).isBefore(begun)
            && new File("/proc/${process.pid()}/cwd").canonicalPath.startsWith(folder) && !ofAnotherRun(process, own)
    }
}

// whether another Java machine is above it: a run that shares the work folder
def ofAnotherRun(process, own) {
    def above = process.parent().orElse(null)
    return above != null && above != own && (above.info().command().orElse('').endsWith('/java') || ofAnotherRun(above, own))
}
