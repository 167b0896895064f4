// The parameters: what they mean, and what is refused before anything starts.

include { listedPaths } from './channels.nf'
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
    def text = value.toString()
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
    return !entry.pattern || text =~ entry.pattern ? null : "${text} does not have the form of ${entry.description}"
}

// one clear line for each mistake that can be seen before anything starts
def checkParams() {
    def known = describedGroups().collectEntries { group -> group.properties }
    def unknown = params.keySet().findAll { name -> !name.contains('-') && !(name in known) }
    if( unknown ) {
        error "unknown parameter --${unknown.sort()[0]}; known: ${known.keySet().sort().join(', ')}"
    }
    known.findAll { name, _entry -> params[name] != null }.each { name, entry ->
        def wrong = misfit(entry, params[name])
        if( wrong ) {
            error "--${name}: ${wrong}"
        }
    }
    def source = chosenSource()
    if( !source ) {
        error "no real documents: give --real FILE (an audit), --input FILE or --corpus NAME"
    }
    checkCorpus(source)
    if( params.real && !params.synthetic ) {
        error "an audit needs the synthetic documents too: give --synthetic FILE"
    }
    listedPaths(params.synthetic).findAll { path -> !file(path, glob: false).exists() }.each { path ->
        error "--synthetic: there is no file ${path}; several files are separated by commas"
    }
    ['input', 'real', 'test', 'labels', 'design', 'models', 'recipes', 'claims', 'prompts', 'previous'].each { name ->
        def value = params[name]
        def elsewhere = name == 'input' && (value in ['demo', 'fixture'] || value.toString().startsWith('hf:'))
        if( value && !elsewhere && !file(value.toString(), glob: false).exists() ) {
            error "--${name}: there is no file ${value}"
        }
    }
    if( !params.real && !params.corpus && params.input in ['demo', 'fixture'] && params.labels ) {
        error "--labels was given, but --input ${params.input} has its own labels"
    }
    return source
}

def checkCorpus(source) {
    if( params.corpus && (params.real || (params.input && !(params.input in ['demo', 'fixture']))) ) {
        error "--corpus ${params.corpus} was given together with ${params.real ? '--real' : '--input'}; give one of them"
    }
    if( params.corpus && !recipeFile(params.corpus.toString()).exists() ) {
        def names = files("${projectDir}/params/corpora/*.yaml").collect { f -> f.baseName }.sort()
        error "--corpus: there is no recipe ${params.corpus}; known: ${names.join(', ')}"
    }
    if( params.corpus_revision && !(params.corpus_revision.toString() ==~ /[0-9a-f]{40}/) ) {
        error "--corpus_revision: ${params.corpus_revision} is no commit (40 hex digits); branches and tags move"
    }
    if( params.corpus_revision && !source.startsWith('corpus:') ) {
        error "--corpus_revision was given without --corpus"
    }
    if( source.startsWith('hf:') && !(source ==~ /hf:[\w.-]+\/[\w.-]+@[0-9a-f]{40}(:[\w.\/*?-]+)?/) ) {
        error "--input: ${source} does not pin a data set: write hf:<owner>/<dataset>@<commit> with the 40 hex digits of a commit, not a branch"
    }
}
