// What the machine that starts the run is asked.

def isTrue(name) {
    return params[name].toString().toBoolean()
}

def onPath(programs) {
    def folders = System.getenv('PATH').tokenize(':')
    return programs.any { program -> folders.any { folder -> new File(folder, program).canExecute() } }
}

// [exit code, all that it printed] of a command; 127 when there is no such program
def reply(command) {
    try {
        def process = new ProcessBuilder(command.collect { part -> part.toString() }).redirectErrorStream(true).start()
        def text = process.inputStream.text
        return [process.waitFor(), text]
    }
    catch( IOException error ) {
        return [127, error.message]
    }
}

// the commit of this checkout, with -dirty where a tracked file differs; null where it is none, or has no git
def commitOf() {
    if( workflow.commitId ) {
        return workflow.commitId
    }
    def git = ['env', '-u', 'GIT_DIR', '-u', 'GIT_WORK_TREE', '-u', 'GIT_INDEX_FILE', 'git', '-C', projectDir, '-c', "safe.directory=${projectDir}"]
    // a copy inside another repository has not the commit of that one
    def place = reply(git + ['rev-parse', '--show-prefix'])
    def head = reply(git + ['rev-parse', '--verify', 'HEAD'])
    if( place[0] != 0 || place[1].trim() || head[0] != 0 ) {
        return null
    }
    def changed = reply(git + ['status', '--porcelain', '--untracked-files=no'])
    return head[1].trim() + (changed[0] == 0 && !changed[1].trim() ? '' : '-dirty')
}
