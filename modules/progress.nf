// What long tasks are at, on the terminal of the run. A task keeps its last line in .progress of its own folder, and beforeScript of
// conf/base.config leaves the task's address in a folder beside the work folders: any scheduler, any container, nothing to mount.

// the last line of every task that runs, by the task's name; addresses of finished tasks are taken away
def linesOfTasks(folder) {
    def lines = [:]
    (folder.listFiles() ?: []).sort().each { address ->
        try {
            def task = new File(address.text.trim())
            if( new File(task, '.exitcode').exists() || !task.exists() ) {
                address.delete()
            } else {
                lines[address.name] = new File(task, '.progress').text.trim()
            }
        } catch( IOException _gone ) {
            // a task that begins or ends at this moment
            lines.remove(address.name)
        }
    }
    return lines.findAll { _name, line -> line }
}

// one line a stage: that of the first task with something new, and how many others there are
def newLines(lines, shown) {
    def made = lines.groupBy { _name, line -> line.tokenize(':')[0] }.collect { _stage, tasks ->
        def changed = tasks.find { name, line -> shown[name] != line }
        changed ? changed.value + (tasks.size() > 1 ? " (and ${tasks.size() - 1} more such tasks)" : '') : null
    }
    shown.clear()
    shown.putAll(lines)
    return made.findAll { line -> line }
}

// prints them every ten seconds (VOLFID_PROGRESS_S) until the run ends; the thread keeps nothing alive
def showProgress() {
    if( workflow.workDir.toUri().scheme != 'file' ) {
        return
    }
    def folder = workflow.workDir.resolve(".progress/${workflow.sessionId}").toFile()
    folder.deleteDir()
    def wait = (900 * (System.getenv('VOLFID_PROGRESS_S') ?: '10').toDouble()).toLong()
    def shown = [:]
    def threads = { work ->
        def thread = new Thread(work, 'progress')
        thread.daemon = true
        return thread
    } as java.util.concurrent.ThreadFactory
    def look = { newLines(linesOfTasks(folder), shown).each { line -> println "volfid: ${line}" } } as Runnable
    java.util.concurrent.Executors.newSingleThreadScheduledExecutor(threads)
        .scheduleWithFixedDelay(look, wait, wait, java.util.concurrent.TimeUnit.MILLISECONDS)
}
