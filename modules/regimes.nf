include { jobFile ; ofStage ; sortedFiles } from './channels.nf'

process SAMPLE_REGIMES {
    tag "${meta.id}"
    label 'cpu_small'
    publishDir path: { "${params.outdir}/regimes/${meta.id}" }, mode: 'copy', overwrite: true, pattern: '*.json*'

    input:
    tuple val(meta), val(job)
    path documents
    path labels

    output:
    tuple val(meta), path('regimes.jsonl'), emit: regimes
    tuple val(meta), path('manifest.json'), emit: manifest

    script:
    """
    ${jobFile(job)}
    sample_regimes.py --job job.json --documents ${documents} --labels ${labels}
    """

    stub:
    """
    ${jobFile(job)}
    sample_regimes.py --job job.json --documents ${documents} --labels ${labels} --stub
    """
}

workflow REGIMES {
    take:
    jobs
    documents
    labels

    main:
    SAMPLE_REGIMES(ofStage(jobs, 'regimes'), documents, labels)
    regimes = sortedFiles(SAMPLE_REGIMES.out.regimes.map { meta, f -> [meta.id, f] })
    // ['d00', its file]
    drawn = SAMPLE_REGIMES.out.regimes.map { meta, f -> [meta.draw, f] }
    manifests = SAMPLE_REGIMES.out.manifest.map { meta, f -> [meta.id, f] }

    emit:
    regimes
    drawn
    manifests
}
