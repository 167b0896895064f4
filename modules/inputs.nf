include { codeDigest } from './channels.nf'
include { CORPUS } from './corpora.nf'

process PREPARE_DOCUMENTS {
    tag "${source}"
    label 'cpu_small'

    input:
    val source
    path real, stageAs: 'real/*'
    path names, stageAs: 'names/*'
    path synthetic, stageAs: 'synthetic_in/*'
    path design, stageAs: 'design/*'
    val seed
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
    def brought = synthetic ? "--synthetic ${synthetic}" : ''
    """
    # code ${code}
    prepare_documents.py --input ${input} ${labels} ${brought} --design ${design} ${seed}
    """

    stub:
    def input = real ? "${real}" : source
    def labels = names ? "--labels ${names}" : ''
    def brought = synthetic ? "--synthetic ${synthetic}" : ''
    """
    # the planner needs real documents, also in a stub run; code ${code}
    prepare_documents.py --input ${input} ${labels} ${brought} --design ${design} ${seed}
    """
}

workflow INPUTS {
    take:
    source

    main:
    def fixture = source == 'fixture'
    def fetched = source.startsWith('corpus:') || source.startsWith('hf:')
    def seed = params.seed == null ? '' : "--seed ${params.seed as Integer}"
    def real = fixture || fetched ? [] : file(source, checkIfExists: true)
    def names = params.labels ? file(params.labels, checkIfExists: true) : []
    corpora = channel.empty()
    if( fetched ) {
        // a recipe knows its labels; rows that are handed on as they are have those of the user, or none
        CORPUS(source)
        real = CORPUS.out.documents
        names = params.labels || source.startsWith('hf:') ? names : CORPUS.out.labels
        corpora = CORPUS.out.manifest
    }
    PREPARE_DOCUMENTS(
        fixture ? 'fixture' : fetched ? source : file(source).name,
        real,
        names,
        params.synthetic ? file(params.synthetic, checkIfExists: true) : [],
        file(params.design, checkIfExists: true),
        seed,
        codeDigest(['prepare_documents.py', 'volfid/__init__.py', 'volfid/core', 'volfid/inputs']),
    )
    documents = PREPARE_DOCUMENTS.out.documents
    labels = PREPARE_DOCUMENTS.out.labels
    corpus = PREPARE_DOCUMENTS.out.corpus
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
