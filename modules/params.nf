// The parameters: what they mean, and what is refused before anything starts.

include { filesIn ; listedPaths } from './channels.nf'
include { oneLine } from './lastwords.nf'
include { chosenSource ; recipeFile } from './sources.nf'

// the parameters by group, as nextflow_schema.json describes them: the one home of names, types and bounds
def describedGroups() {
    return new groovy.json.JsonSlurper().parseText(projectDir.resolve('nextflow_schema.json').text)['$defs'].values()
}

def helpText() {
    def lines = [
        "volfid ${workflow.manifest.version}: what is synthetic text worth, and why?", '',
        '  nextflow run main.nf -profile demo  [--input docs.jsonl --labels labels.json]',
        '  nextflow run main.nf -profile audit --real my.csv --synthetic mine.jsonl',
        '  nextflow run main.nf -profile calibrate  [--calibrate_replicates 400]', '',
        'Where it runs: -profile demo,docker (or podman, apptainer, singularity), slurm, gpu; docs/running-on-*.md',
    ]
    describedGroups().each { group ->
        lines += ['', "${group.title}:"]
        group.properties.each { name, entry ->
            def shown = entry.default == null ? '' : " (default: ${entry.default.toString().replace('${projectDir}/', '')})"
            lines += "  --${name.padRight(26)} ${entry.description}${shown}".toString()
        }
    }
    return lines.join('\n')
}

// why a value does not fit its description in the schema, or null
def misfit(entry, value) {
    def text = oneLine(value)
    def number = text ==~ /[0-9]+/ || (entry.type == 'number' && text ==~ /[0-9]+(\.[0-9]+)?/) ? new BigDecimal(text) : null
    if( entry.type == 'boolean' ) {
        return text in ['true', 'false'] ? null : "${text} is neither true nor false"
    }
    if( entry.type in ['integer', 'number'] && number == null ) {
        return "${text} is not a ${entry.type == 'integer' ? 'whole number' : 'number'} of at least ${entry.minimum ?: 0}"
    }
    if( entry.minimum != null && number < entry.minimum ) {
        return "${text} is less than ${entry.minimum}"
    }
    if( entry.maximum != null && number > entry.maximum ) {
        return "${text} is more than ${entry.maximum}"
    }
    if( entry['enum'] && !entry['enum'].any { one -> one.toString() == text } ) {
        return "${text} is none of ${entry['enum'].join(', ')}"
    }
    def example = entry.examples ? ", for example ${entry.examples.join(' or ')}" : ''
    return !entry.pattern || text =~ entry.pattern ? null : "${text} does not have the form that is wanted${example} (${entry.description})"
}

// [exit code, message] of each mistake that can be seen before anything starts
def paramProblems() {
    def known = describedGroups().collectEntries { group -> group.properties }
    def unknown = params.keySet().findAll { name -> !name.contains('-') && !(name in known) }.sort()
    def problems = unknown.collect { name -> [64, "unknown parameter --${name}; ${closest(name, known.keySet())}"] }
    problems += known.findAll { name, _entry -> params[name] != null }
        .collect { name, entry -> [name, misfit(entry, params[name])] }
        .findAll { _name, wrong -> wrong }
        .collect { name, wrong -> [64, "--${name}: ${wrong}"] }
    return problems ?: params.calibrate.toString() == 'true' ? problems : sourceProblems() + fileProblems()
}

def closest(name, known) {
    def near = known.findAll { one -> one.replace('_', '').toLowerCase() == name.replace('_', '').toLowerCase() } ?: known.toList().closest(name)
    return near ? "did you mean ${near.collect { one -> "--${one}" }.join(' or ')}? All: --help" : "known: ${known.sort().join(', ')}"
}

def sourceProblems() {
    def source = chosenSource()
    if( !source ) {
        return [[64, 'no real documents: give --real FILE (an audit), --input FILE or --corpus NAME']]
    }
    def problems = corpusMistakes(source)
    if( params.real && !params.synthetic ) {
        problems += [[64, 'an audit needs the synthetic documents too: give --synthetic FILE']]
    }
    if( !params.real && !params.corpus && params.input in ['demo', 'fixture'] && params.labels ) {
        problems += [[64, "--labels was given, but --input ${params.input} has its own labels"]]
    }
    return problems
}

def fileProblems() {
    def supplied = listedPaths(params.synthetic).findAll { path -> !file(path, glob: false).exists() }
        .collect { path -> [66, "--synthetic: there is no file ${oneLine(path)}; several files are separated by commas"] }
    return supplied + ['input', 'real', 'test', 'labels', 'design', 'models', 'recipes', 'claims', 'prompts', 'previous']
        .findAll { name -> params[name] && !(name == 'input' && (params.input in ['demo', 'fixture'] || params.input.toString().startsWith('hf:'))) }
        .findAll { name -> !file(params[name].toString(), glob: false).exists() }
        .collect { name -> [66, "--${name}: there is no file ${oneLine(params[name])}"] }
}

def corpusMistakes(source) {
    def problems = []
    if( params.corpus && (params.real || (params.input && !(params.input in ['demo', 'fixture']))) ) {
        problems += [[64, "--corpus ${params.corpus} was given together with ${params.real ? '--real' : '--input'}; give one of them"]]
    }
    if( params.corpus && !recipeFile(params.corpus.toString()).exists() ) {
        def names = filesIn("${projectDir}/params/corpora", '.yaml').collect { f -> f.baseName }
        problems += [[64, "--corpus: there is no recipe ${oneLine(params.corpus)}; known: ${names.join(', ')}"]]
    }
    if( params.corpus_revision && !source.startsWith('corpus:') ) {
        problems += [[64, '--corpus_revision was given without --corpus']]
    }
    if( source.startsWith('hf:') && !(source ==~ /hf:[\w.-]+\/[\w.-]+@[0-9a-f]{40}(:[\w.\/*?-]+)?/) ) {
        problems += [[64, "--input: ${source} does not pin a data set: write hf:<owner>/<dataset>@<commit> with the 40 hex digits of a commit, not a branch"]]
    }
    return problems
}
