// The checkout and the names of files: what would break every task. [exit code, message] of each problem.

include { listedPaths } from './channels.nf'
include { oneLine } from './lastwords.nf'

// Java reads names of files by the locale that it starts in: one without UTF-8 cannot even ask whether a file is there.
def localeProblems() {
    def encoding = System.getProperty('sun.jnu.encoding')
    def given = params.findAll { _name, value -> value.toString().any { letter -> letter > '~' } }.keySet()
    if( encoding ==~ /(?i)utf-?8/ || !given ) {
        return []
    }
    return [[64, "--${given.sort()[0]}: this locale (${encoding}) has no letters beyond ASCII. Run export LC_ALL=C.UTF-8, then start again"]]
}

def checkoutProblems() {
    return (params.check_host.toString() == 'true' ? setupProblems() + bitProblems() : []) + nameProblems()
}

// without containers the tasks need the environment of `make setup`, or one of the user's with the same packages
def setupProblems() {
    if( workflow.containerEngine || projectDir.resolve('.venv/bin/python').exists() || shell('python3 -c "import typer, numpy, pyarrow, sklearn"')[0] == 0 ) {
        return []
    }
    return [[69, "the packages of volfid are not set up: run make setup in ${projectDir}, or name an engine for containers (-profile ...,docker)"]]
}

def bitProblems() {
    def bare = projectDir.resolve('bin').listFiles().findAll { f -> f.name.endsWith('.py') && !java.nio.file.Files.isExecutable(f) }
    return bare ? [[77, "${bare.size()} programs are not executable (bin/${bare.collect { f -> f.name }.sort()[0]}): run chmod +x bin/*.py in ${projectDir}"]] : []
}

// Nextflow writes names into shell scripts without quotes: a name that the shell reads as another one is refused.
def nameProblems() {
    def named = ['input', 'real', 'test', 'labels', 'design', 'models', 'recipes', 'claims', 'prompts', 'previous', 'model_dir']
        .findAll { name -> params[name] && !(params[name] in ['demo', 'fixture']) && !params[name].toString().startsWith('hf:') }
        .collectEntries { name -> ["--${name}".toString(), file(params[name].toString(), glob: false).toString()] }
    // several pools: the first whose name is odd is told
    def pools = listedPaths(params.synthetic).collect { path -> file(path, glob: false).toString() }
    named['--synthetic'] = pools.find { path -> misread(path) } ?: ''
    def folders = ['the folder of volfid': "${projectDir}/main.nf".toString(), 'the work folder (-w)': workflow.workDir.toString()]
    def odd = (folders + named).collectEntries { name, path -> [name, misread(path)] }.findAll { _name, why -> why }
    if( projectDir.toString() =~ /[:`"]/ ) {
        odd['the folder of volfid'] = 'a colon, a backtick or a double quote'
    }
    return odd.collect { name, why -> [64, "${name}: its path has ${why}, which the shell of the tasks reads as something else; rename it, or a folder above it"] }
}

// what in a path the shell would not leave as it is, or null
def misread(path) {
    if( path =~ /[\n\r\t]/ ) {
        return 'a tab or a line end'
    }
    if( path =~ /\$[\w{(\[*@#?!$-]/ ) {
        return 'a dollar sign'
    }
    if( !(path =~ /[*?{\[]/) ) {
        return null
    }
    // the same characters are escaped as in the scripts of the tasks
    def seen = shell("printf '%s' ${nextflow.util.Escape.path(path)}")
    return seen == [0, path] ? null : 'a pattern (*, ?, [ ] or { }) that other files fit'
}

// [exit code, all that it printed] of a line of shell
def shell(line) {
    def process = new ProcessBuilder('/bin/bash', '-c', line.toString()).redirectErrorStream(true).start()
    def text = process.inputStream.getText('UTF-8')
    return [process.waitFor(), text]
}
