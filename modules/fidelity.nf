include { embeddedParts ; jobFile ; ofStage ; options ; sortedFiles } from './channels.nf'

process MEASURE_FIDELITY {
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
    path 'fidelity.parquet', emit: table
    path 'keywords.parquet', emit: keywords
    path 'leaks.parquet', emit: leaks
    path 'manifest.json', emit: manifest

    script:
    """
    ${jobFile(job)}
    measure_fidelity.py --job job.json --documents ${documents} --labels ${labels} \\
        ${options('trainsets', trainsets)} ${options('synthetic', synthetic)} ${options('embeddings', stores)}
    """

    stub:
    """
    ${jobFile(job)}
    measure_fidelity.py --job job.json --documents ${documents} --labels ${labels} \\
        ${options('trainsets', trainsets)} ${options('synthetic', synthetic)} ${options('embeddings', stores)} --stub
    """
}

workflow FIDELITY {
    take:
    jobs
    documents
    labels
    trainsets
    synthetic
    stores

    main:
    MEASURE_FIDELITY(
        ofStage(jobs, 'fidelity'), documents, labels,
        sortedFiles(embeddedParts(trainsets, stores)), sortedFiles(embeddedParts(synthetic, stores)),
        sortedFiles(stores),
    )
    table = MEASURE_FIDELITY.out.table
    keywords = MEASURE_FIDELITY.out.keywords
    leaks = MEASURE_FIDELITY.out.leaks
    manifest = MEASURE_FIDELITY.out.manifest.map { f -> ['fidelity', f] }

    emit:
    table
    keywords
    leaks
    manifest
}
