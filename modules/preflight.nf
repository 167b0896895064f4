// What can be seen to be missing before anything starts: cards, images, documents. All of it is said at once.

include { checkoutProblems ; localeProblems } from './checkout.nf'
include { isTrue ; onPath ; reply } from './host.nf'
include { imageProblems } from './images.nf'
include { helpText ; paramProblems } from './params.nf'
include { forgetSession ; leave } from './record.nf'
include { cappedSettings ; completeEngine ; plannedProcesses ; settingOf } from './resolved.nf'
include { chosenSource ; recipeFile } from './sources.nf'

def preflight() {
    if( params.help.toString() == 'true' ) {
        println helpText()
        leave(0)
    }
    def problems = localeProblems() ?: paramProblems()
    def processes = problems ? [] : plannedProcesses(isTrue('calibrate'))
    problems = problems ?: checkoutProblems() + deviceProblems() + imageProblems(processes) + settingProblems(processes) + corpusProblems()
    if( problems ) {
        problems.each { problem -> System.err.println("volfid: ${problem[1]}") }
        System.err.println('volfid: nothing was started')
        leave(problems[0][0])
    }
    if( workflow.preview ) {
        forgetSession()
    }
    moveTrace()
    cappedSettings(processes).each { line -> System.err.println("volfid: ${line}") }
    if( workflow.containerEngine ) {
        completeEngine(workflow.containerEngine, keyVariables())
        // a folder that the engine makes for a mount would belong to root
        file(params.chunk_store.toString(), glob: false).mkdirs()
    }
}

// [exit code, message] of each problem
def deviceProblems() {
    if( !isTrue('gpu') || !isTrue('check_host') ) {
        return []
    }
    def looked = reply(["${projectDir}/tools/gpu_check.sh", params.gpu_memory_gib, params.cuda])
    if( looked[0] != 0 ) {
        return [[looked[0], looked[1].trim()]]
    }
    if( workflow.containerEngine == 'docker' && !onPath(['nvidia-container-runtime-hook', 'nvidia-container-runtime', 'nvidia-ctk', 'nvidia-container-toolkit']) ) {
        return [[69, 'Docker cannot hand a card to a container: the NVIDIA Container Toolkit is not on PATH. Install it (nvidia-container-toolkit), restart Docker, try again.']]
    }
    return []
}

// a beforeScript of a site would take the place of the one that tasks need
def settingProblems(processes) {
    def replaced = processes.findAll { name, labels -> !(settingOf(name, labels, 'beforeScript') instanceof Closure) }
    return replaced ? [[78, "process.beforeScript of the configuration takes the place of the project's own, which sets PATH and the chunk store, for ${replaced[0][0]}${replaced.size() > 1 ? " and ${replaced.size() - 1} more" : ''}. Name it ext.before instead: process.ext.before = '...'"]] : []
}

// a recipe that cannot be fetched: nothing pins it, or a person has to
def corpusProblems() {
    def source = isTrue('calibrate') ? null : chosenSource()
    if( !source || !source.startsWith('corpus:') ) {
        return []
    }
    def name = source.substring(7)
    def recipe = recipeFile(name)
    def own = 'your own documents with --input FILE (JSONL, CSV, TSV, Parquet or XLSX; docs/own-data.md) and --labels FILE'
    if( recipe.exists() && (recipe.text =~ /(?m)kind: *given\b/).find() ) {
        return [[64, "the corpus ${name} cannot be fetched by a program; docs/corpora.md has the way to convert it. Or give ${own}."]]
    }
    if( recipe.exists() && (recipe.text =~ /(?m)kind: *hub\b/).find() && !params.corpus_revision && !(recipe.text =~ /(?m)^revision: *'?[0-9a-f]{40}'? *$/).find() ) {
        return [[64, "the recipe ${name} names no commit, so that nothing pins its data. Give --corpus ${name} --corpus_revision <40 hex digits>, from the data set's page, or ${own}."]]
    }
    return []
}

// names of the variables that hold keys of served models: models.yaml names them, and nothing else of a user's environment passes
def keyVariables() {
    def models = file(params.models, glob: false)
    return models.exists() ? (models.text =~ /(?m)^[^#\n]*\bkey_variable: *["']?([A-Za-z_][A-Za-z0-9_]*)/).collect { _line, name -> name }.findAll { name -> name != 'null' }.unique() : []
}

// The trace is open before a later file's outdir is known; an open file may be renamed, and goes where the results go.
def moveTrace() {
    def first = nextflow.Global.session.config.trace?.file?.toString()
    def wanted = file("${params.outdir}/provenance/trace.tsv")
    if( !first || !first.endsWith('/provenance/trace.tsv') || file(first).toAbsolutePath() == wanted.toAbsolutePath() || !file(first).exists() ) {
        return
    }
    wanted.parent.mkdirs()
    if( file(first).toFile().renameTo(wanted.toFile()) ) {
        file(first).parent.toFile().delete()
        file(first).parent.parent.toFile().delete()
    }
}
