include { codeDigest ; contentDigest ; fileDigest ; listedPaths ; namedFiles ; onePath } from './channels.nf'
include { CORPUS } from './corpora.nf'
include { chosenDesign } from './sources.nf'

process PREPARE_DOCUMENTS {
    tag "${source}"
    label 'cpu_small'

    input:
    tuple val(source), val(embedded)
    path real, stageAs: 'real/*'
    path names, stageAs: 'names/*'
    path synthetic, stageAs: 'synthetic_in/?/*'
    path test, stageAs: 'test_in/*'
    path design, stageAs: 'design/*'
    val seed
    val chosen
    val code

    output:
    path 'documents.jsonl', emit: documents
    path 'labels.json', emit: labels
    path 'corpus.json', emit: corpus
    path 'rejects.jsonl', emit: rejects
    path 'funnel.json', emit: funnel
    path 'brought.jsonl', emit: brought
    path 'manifest.json', emit: manifest

    script:
    def input = real ? "${real}" : source
    def labels = names ? "--labels ${names}" : ''
    def brought = namedFiles('synthetic', synthetic) + (test ? " --test ${test}" : '')
    """
    # code ${code}
    cat > options.json <<'VOLFID_OPTIONS'
    ${chosen}
    VOLFID_OPTIONS
    prepare_documents.py --input ${input} ${labels} ${brought} --embedded ${embedded} --design ${design} --options options.json ${seed}
    """

    stub:
    def input = real ? "${real}" : source
    def labels = names ? "--labels ${names}" : ''
    def brought = namedFiles('synthetic', synthetic) + (test ? " --test ${test}" : '')
    """
    # the planner needs real documents, also in a stub run; code ${code}
    cat > options.json <<'VOLFID_OPTIONS'
    ${chosen}
    VOLFID_OPTIONS
    prepare_documents.py --input ${input} ${labels} ${brought} --embedded ${embedded} --design ${design} --options options.json ${seed}
    """
}

// the options of docs/own-data.md as one line of JSON: what a user types reaches no shell
def columnsAndPolicies() {
    def names = ['id_column', 'text_columns', 'label_columns', 'label_separator', 'label_marks', 'split_column', 'group_column', 'date_column',
                 'no_header', 'policies']
    names += ['id_column', 'text_columns', 'label_columns', 'label_separator', 'source_column', 'generator_column', 'method_column'].collect { name -> "synthetic_${name}".toString() }
    return groovy.json.JsonOutput.toJson(names.findAll { name -> params[name] != null }.collectEntries { name -> [name, params[name]] })
}

workflow INPUTS {
    take:
    source

    main:
    // the corpora that come with the project: [documents, labels]
    def demo = "${projectDir}/assets/demo/demo.jsonl"
    def built_in = [fixture: [[], []], demo: [demo, "${projectDir}/assets/demo/labels.json"]]
    def fetched = source.startsWith('corpus:') || source.startsWith('hf:')
    def (given, listed) = built_in[source] ?: [fetched ? [] : source, params.labels]
    def seed = params.seed == null ? '' : "--seed ${params.seed as Integer}"
    def real = given ? onePath(given) : []
    def names = listed ? onePath(listed) : []
    def supplied = listedPaths(params.synthetic).collect { path -> onePath(path) }
    def test = params.test ? onePath(params.test) : []
    def digest = ([real, test] + supplied).collect { path -> fileDigest(path) }.join('')
    corpora = channel.empty()
    if( fetched ) {
        // a recipe knows its labels; rows that are handed on as they are have those of the user, or none
        CORPUS(source)
        real = CORPUS.out.documents
        names = params.labels || source.startsWith('hf:') ? names : CORPUS.out.labels
        corpora = CORPUS.out.manifest
    }
    PREPARE_DOCUMENTS(
        // the demo corpus is stamped by what it holds, whatever its name
        [given ? onePath(given).name : source, contentDigest(onePath(demo))],
        real,
        names,
        supplied,
        test,
        chosenDesign(),
        seed,
        columnsAndPolicies(),
        digest + codeDigest(['prepare_documents.py', 'volfid/__init__.py', 'volfid/core', 'volfid/inputs']),
    )
    documents = PREPARE_DOCUMENTS.out.documents
    labels = PREPARE_DOCUMENTS.out.labels
    corpus = PREPARE_DOCUMENTS.out.corpus
    // what a task prints stays in its log: the terminal has it from here
    corpus.subscribe { f ->
        def told = new groovy.json.JsonSlurper().parseText(f.text).warnings ?: []
        told.each { line -> System.err.println("volfid: warning: ${line}") }
    }
    brought = PREPARE_DOCUMENTS.out.brought
    report_files = labels.concat(corpus, PREPARE_DOCUMENTS.out.funnel, PREPARE_DOCUMENTS.out.rejects).toList()
    manifest = PREPARE_DOCUMENTS.out.manifest.map { f -> ['inputs', f] }.mix(corpora)

    emit:
    documents
    labels
    corpus
    brought
    report_files
    manifest
}
