include { jobFile ; ofStage ; options ; partOf ; sortedFiles } from './channels.nf'

process BUILD_CORPUS {
    tag "${meta.id}"
    label 'cpu_small'
    label 'may_leave_gap'
    publishDir path: { "${params.outdir}/curation/${meta.id}" }, mode: 'copy', overwrite: true, pattern: '*.json*'

    input:
    tuple val(meta), val(job), path(texts, stageAs: 'texts/*')
    path documents
    path labels
    path regimes, stageAs: 'regimes/?/*'

    output:
    tuple val(meta), path('synthetic.jsonl'), emit: synthetic
    tuple val(meta), path('trainsets.jsonl'), emit: trainsets
    tuple val(meta), path('draws/*/synthetic.jsonl'), optional: true, emit: synthetic_of_draws
    tuple val(meta), path('draws/*/trainsets.jsonl'), optional: true, emit: trainsets_of_draws
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

// [part, file]: all of a source, and each draw of it
def parts(whole, drawn) {
    return whole.map { meta, f -> [partOf(meta.source, ''), f] }.mix(
        drawn.flatMap { meta, files -> [files].flatten().collect { f -> [partOf(meta.source, f.parent.name), f] } }
    )
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
    synthetic = parts(BUILD_CORPUS.out.synthetic, BUILD_CORPUS.out.synthetic_of_draws)
    trainsets = parts(BUILD_CORPUS.out.trainsets, BUILD_CORPUS.out.trainsets_of_draws)
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
