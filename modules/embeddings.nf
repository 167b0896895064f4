include { jobFile ; modelFolder ; ofStage ; options ; partOf } from './channels.nf'

process EMBED_CORPUS {
    tag "${meta.id}"
    label 'gpu_embed'
    maxForks params.gpu.toString().toBoolean() ? params.gpus as Integer : 0
    label 'may_leave_gap'

    input:
    tuple val(meta), val(job), path(synthetic), path(model, stageAs: 'models/*')
    path documents

    output:
    tuple val(meta), path('store'), emit: store
    tuple val(meta), path('store/manifest.json'), emit: manifest

    script:
    """
    ${jobFile(job)}
    embed_corpus.py --job job.json --documents ${documents} ${options('synthetic', synthetic)} \\
        ${model ? '--model-dir models' : ''} --out-dir store --attempt ${task.attempt}
    """

    stub:
    """
    ${jobFile(job)}
    embed_corpus.py --job job.json --documents ${documents} --out-dir store --stub
    """
}

workflow EMBEDDINGS {
    take:
    jobs
    documents
    synthetic

    main:
    // ['real' or draw of a generator, synthetic.jsonl or nothing]: real documents do not wait for generation
    texts = synthetic.filter { part, _f -> part.tokenize('/')[0] != 'real' }.mix(channel.of(['real', []]))
    work = ofStage(jobs, 'embeddings').map { meta, job -> [partOf(meta.source, meta.draw), meta, job] }.combine(texts, by: 0)
    EMBED_CORPUS(
        work.map { _part, meta, job, text -> [meta, job, text, modelFolder(meta.model)] },
        documents,
    )
    // a view of the texts, '' or 'masked', and its folder
    views = EMBED_CORPUS.out.store.map { meta, folder -> [partOf(meta.source, meta.draw), meta.view, folder] }
    stores = views.filter { _part, view, _folder -> view == '' }.map { part, _view, folder -> [part, folder] }
    manifests = EMBED_CORPUS.out.manifest.map { meta, f -> [meta.id, f] }

    emit:
    views
    stores
    manifests
}
