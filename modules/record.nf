// The record of a run, and the end of one that has not begun.

// ends at once; a command that started no task is no session that a bare -resume takes up
def leave(status) {
    forgetSession()
    System.out.flush()
    System.exit(status)
}

def forgetSession() {
    def history = nextflow.util.HistoryFile.DEFAULT
    def entry = history.exists() ? history.getByName(workflow.runName) : null
    if( entry ) {
        history.deleteEntry(entry)
    }
}

// run_manifest.json: what ran, and how it ended
def writeRecord(commit) {
    def record = [
        run: workflow.runName, session: workflow.sessionId.toString(), success: workflow.success,
        exit_status: workflow.exitStatus, error: workflow.errorMessage, started: workflow.start.toString(),
        completed: workflow.complete.toString(), duration_s: workflow.duration.toSeconds(),
        version: workflow.manifest.version, commit: commit, profile: workflow.profile,
        nextflow: workflow.nextflow.version.toString(), resumed: workflow.resume, stub: workflow.stubRun,
        tasks_cached: workflow.stats.cachedCount, tasks_run: workflow.stats.succeedCount,
        tasks_failed: workflow.stats.failedCount, tasks_ignored: workflow.stats.ignoredCount,
        params: params.collectEntries { name, value -> [name, value?.toString()] },
    ]
    def corpus = file("${params.outdir}/inputs/corpus.json", glob: false)
    record.stamp = corpus.exists() ? new groovy.json.JsonSlurper().parseText(corpus.text).stamp : null
    def target = file("${params.outdir}/run_manifest.json", glob: false)
    target.parent.mkdirs()
    target.text = groovy.json.JsonOutput.prettyPrint(groovy.json.JsonOutput.toJson(record)) + '\n'
}
