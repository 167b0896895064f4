include { jobFile ; ofStage ; options ; sortedFiles } from './channels.nf'

process BUILD_CORPUS {
    tag "${meta.id}"
    label 'cpu_small'
    label 'may_leave_gap'
    publishDir path: { "${params.outdir}/curation/${meta.id}" }, mode: 'copy', pattern: '*.json*'

    input:
    tuple val(meta), val(job), path(texts, stageAs: 'texts/*')
    path documents
    path labels
    path regimes, stageAs: 'regimes/?/*'

    output:
    tuple val(meta), path('synthetic.jsonl'), emit: synthetic
    tuple val(meta), path('trainsets.jsonl'), emit: trainsets
    tuple val(meta), path('waterfall.jsonl'), emit: waterfall
    tuple val(meta), path('gaps.jsonl'), emit: gaps
    tuple val(meta), path('manifest.json'), emit: manifest

    script:
    def kind = meta.source == 'brought' ? 'brought' : 'generations'
    """
    ${jobFile(job)}
    build_corpus.py --job job.json --documents ${documents} --labels ${labels} ${options('regimes', regimes)} \\
        ${options(kind, texts)}
    """

    stub:
    """
    ${jobFile(job)}
    build_corpus.py --job job.json --documents ${documents} --labels ${labels} ${options('regimes', regimes)} --stub
    """
}

workflow CURATION {
    take:
    jobs
    documents
    labels
    regimes
    generations
    brought

    main:
    // ['real' or generator, text file or nothing]
    texts = generations.mix(channel.of(['real', []]), brought.map { f -> ['brought', f] })
    work = ofStage(jobs, 'curation').map { meta, job -> [meta.source, meta, job] }.combine(texts, by: 0)
    BUILD_CORPUS(work.map { _source, meta, job, text -> [meta, job, text] }, documents, labels, regimes)
    synthetic = BUILD_CORPUS.out.synthetic.map { meta, f -> [meta.source, f] }
    trainsets = BUILD_CORPUS.out.trainsets.map { meta, f -> [meta.source, f] }
    gaps = BUILD_CORPUS.out.gaps.map { meta, f -> [meta.id, f] }
    waterfalls = sortedFiles(BUILD_CORPUS.out.waterfall.map { meta, f -> [meta.id, f] })
    manifests = BUILD_CORPUS.out.manifest.map { meta, f -> [meta.id, f] }

    emit:
    synthetic
    trainsets
    gaps
    waterfalls
    manifests
}
