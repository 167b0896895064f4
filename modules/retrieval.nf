include { embeddedParts ; jobFile ; ofStage ; options ; sortedFiles } from './channels.nf'

process EVALUATE_RETRIEVAL {
    tag "${meta.id}"
    label 'cpu_large'

    input:
    tuple val(meta), val(job)
    path documents
    path labels
    path trainsets, stageAs: 'trainsets/?/*'
    path synthetic, stageAs: 'synthetic/?/*'
    path stores, stageAs: 'stores/?/*'

    output:
    path 'retrieval.parquet', emit: table
    path 'retrieval_tests.parquet', emit: tests
    path 'retrieval_filters.parquet', emit: filters
    path 'patent_rules.parquet'
    path 'manifest.json', emit: manifest

    script:
    """
    ${jobFile(job)}
    evaluate_retrieval.py --job job.json --documents ${documents} --labels ${labels} \\
        ${options('trainsets', trainsets)} ${options('synthetic', synthetic)} ${options('embeddings', stores)}
    """

    stub:
    """
    ${jobFile(job)}
    evaluate_retrieval.py --job job.json --documents ${documents} --labels ${labels} \\
        ${options('trainsets', trainsets)} ${options('synthetic', synthetic)} ${options('embeddings', stores)} --stub
    """
}

workflow RETRIEVAL {
    take:
    jobs
    documents
    labels
    trainsets
    synthetic
    stores

    main:
    EVALUATE_RETRIEVAL(
        ofStage(jobs, 'retrieval'), documents, labels,
        sortedFiles(embeddedParts(trainsets, stores)), sortedFiles(embeddedParts(synthetic, stores)),
        sortedFiles(stores),
    )
    table = EVALUATE_RETRIEVAL.out.table
    tests = EVALUATE_RETRIEVAL.out.tests
    filters = EVALUATE_RETRIEVAL.out.filters
    manifest = EVALUATE_RETRIEVAL.out.manifest.map { f -> ['retrieval', f] }

    emit:
    table
    tests
    filters
    manifest
}
