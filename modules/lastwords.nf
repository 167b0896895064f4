// What the terminal says at the end of a run.

// what to do, by the exit status of the task
def mends() {
    return [
        2: 'mend the parameter that it names', 64: 'mend the parameter that it names',
        65: 'mend the data that it names', 66: 'give the file that it names',
        69: 'make available what it names: a device, a model or a service',
        70: 'this is a bug: please report it with the folder of the task',
        73: 'make the folder writable, or give another one', 74: 'make room on the disk (df -h)',
        75: 'free memory on the device, or plan with less',
        77: 'get the permission that it names', 78: 'mend the design or configuration that it names',
        125: 'the container does not start: see the folder of the task', 126: 'the program or container does not start: chmod +x bin/*.py',
        127: 'a program is missing: run make setup, or choose an engine for containers (-profile ...,docker)',
        137: 'it was killed, as a rule for want of memory: give more (--max_memory), or close other programs',
        140: 'it reached its time limit',
    ]
}

// of a run that did not end well: how it ended, its exit status, and lines that say what failed, why, and what to do
def failureOf(session) {
    def signals = [SIGINT: 130, SIGTERM: 143, SIGHUP: 129]
    def task = session.fault?.task
    def signal = signals.keySet().find { name -> session.error.toString().endsWith(name) } ?: (task?.exitStatus == 130 ? 'SIGINT' : null)
    if( signal ) {
        return [how: "was interrupted by ${signal}", code: signals[signal], lines: ['its tasks were stopped; what was finished is kept']]
    }
    if( !task ) {
        def missing = session.error instanceof java.nio.file.NoSuchFileException
        def why = session.error?.message ?: session.error ?: 'it ended before its tasks did'
        return [how: 'failed', code: missing ? 66 : 70, lines: ["because ${oneLine(why)}", 'see     .nextflow.log']]
    }
    def status = task.exitStatus
    def code = status in 1..255 ? status : 70
    def mend = mends()[status in 1..255 ? status : status == 0 ? 70 : 137] ?: 'look into the folder of the task: .command.err'
    def lines = ["failed  ${task.name}", "because ${oneLine(sentenceOf(task) ?: session.fault.error?.message ?: "exit status ${status}")}"]
    return [how: 'failed', code: code, lines: lines + ["to do   ${mend}", "see     ${task.workDirStr}"]]
}

// the sentence with which a command of this project fails; else the last line that the task printed
def sentenceOf(task) {
    def printed = task.workDir?.resolve('.command.err')
    def lines = printed?.exists() ? printed.readLines().findAll { line -> line.trim() } : []
    def sentence = lines.reverse().find { line -> line.startsWith('error: ') }
    return sentence ? sentence.substring(7) : lines ? lines.last() : null
}

def oneLine(text) {
    def line = text.toString().replaceAll(/\p{Cntrl}+/, ' ').trim()
    return line.size() > 600 ? line.take(599) + '…' : line
}

// summary, report and next command of a run; an incomplete one has the first two alone
def summaryLines(summary, done) {
    def outdir = params.outdir.toString()
    def results = outdir.startsWith('/') || outdir.contains('://') ? outdir : workflow.launchDir.resolve(outdir).normalize()
    if( params.calibrate.toString().toBoolean() ) {
        return done && !workflow.preview ? ["The calibration is ${results}/calibration/calibration.md"] : []
    }
    if( !summary ) {
        return []
    }
    def lines = [''] + summary.readLines() + ["The report is ${results}/report.html".toString()]
    return done ? lines + ["Next: ${nextCommand()}"] : lines
}

// after a look at the built-in documents, the user's own; after those, a change to the experiment
def nextCommand() {
    if( !params.real && !params.corpus && params.input in ['demo', 'fixture'] ) {
        return "your own documents: ${program()} run main.nf -profile audit --real FILE --synthetic FILE   (docs/own-data.md)"
    }
    def design = params.design ?: "${projectDir}/params/design/demo.yaml"
    return "copy ${quoted(design)} to my_design.yaml, change the experiment there, and: ${resumeCommand(['--design', 'my_design.yaml'])}"
}

// the command of this run with -resume and its session
def resumeCommand(more = []) {
    def given = launched()
    def kept = given.indices.findAll { i ->
        !(given[i] == '-resume' || (i > 0 && given[i - 1] == '-resume' && given[i] ==~ /last|[0-9a-f]{8}-[0-9a-f-]+/))
            && !(given[i] in more || (i > 0 && given[i - 1] in more))
    }
    def words = kept.collect { i -> given[i] } + more + ['-resume', workflow.sessionId.toString()]
    return ([program()] + words.collect { word -> quoted(word) }).join(' ')
}

// the arguments as they were given; on other systems than Linux as Nextflow remembers them
def launched() {
    def own = new File('/proc/self/cmdline')
    def words = own.exists() ? own.text.split('\u0000') as List : []
    def start = 'nextflow.cli.Launcher' in words ? words.indexOf('nextflow.cli.Launcher') + 1 : '-jar' in words ? words.indexOf('-jar') + 2 : 0
    return start > 0 ? words.drop(start) : workflow.commandLine.tokenize(' ').drop(1)
}

def program() {
    return quoted(System.getenv('VOLFID_NEXTFLOW_COMMAND') ?: System.getenv('NXF_CLI')?.tokenize(' ')?.first() ?: 'nextflow')
}

def quoted(word) {
    return word ==~ /[\w.,:\/@%+=-]+/ ? word : "'" + word.replace("'", "'\\''") + "'"
}
