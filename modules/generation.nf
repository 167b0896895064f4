include { jobFile ; modelFolder ; ofStage ; onePath ; options ; tellWarnings } from './channels.nf'

process GENERATE_TEXT {
    tag "${meta.id}"
    label 'gpu_generate'
    maxForks params.gpu.toString().toBoolean() ? params.gpus as Integer : 0
    label 'may_leave_gap'
    publishDir path: { "${params.outdir}/generation/${meta.id}" }, mode: 'copy', overwrite: true, pattern: '*.json*'

    input:
    tuple val(meta), val(job), path(model, stageAs: 'models/*')
    path documents
    path labels
    path regimes, stageAs: 'regimes/?/*'
    path prompts, stageAs: 'prompts'

    output:
    tuple val(meta), path('generations.jsonl'), emit: generations
    tuple val(meta), path('manifest.json'), emit: manifest

    script:
    """
    ${jobFile(job)}
    generate_text.py --job job.json --documents ${documents} --labels ${labels} ${options('regimes', regimes)} \\
        --prompts ${prompts} ${model ? '--model-dir models' : ''} --attempt ${task.attempt}
    """

    stub:
    """
    ${jobFile(job)}
    generate_text.py --job job.json --documents ${documents} --labels ${labels} ${options('regimes', regimes)} \\
        --prompts ${prompts} --stub
    """
}

workflow GENERATION {
    take:
    jobs
    documents
    labels
    regimes

    main:
    // [meta, job, model folder or nothing]
    requests = ofStage(jobs, 'generation').map { meta, job -> [meta, job, modelFolder(meta.model)] }
    GENERATE_TEXT(requests, documents, labels, regimes, onePath(params.prompts))
    generations = GENERATE_TEXT.out.generations.map { meta, f -> [meta.source, f] }
    manifests = GENERATE_TEXT.out.manifest.map { meta, f -> [meta.id, f] }
    tellWarnings(manifests)

    emit:
    generations
    manifests
}
