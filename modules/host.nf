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
