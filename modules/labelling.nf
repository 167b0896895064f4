include { jobFile ; modelFolder ; ofStage ; onePath ; options ; tellWarnings } from './channels.nf'

// the same generator, asked instead of told to write: which labels does a document have?
process LABEL_DOCUMENTS {
    tag "${meta.id}"
    label 'gpu_generate'
    maxForks params.gpu.toString().toBoolean() ? params.gpus as Integer : 0
    label 'may_leave_gap'
    publishDir path: { "${params.outdir}/labelling/${meta.id}" }, mode: 'copy', overwrite: true, pattern: '{answers.parquet,manifest.json}'

    input:
    tuple val(meta), val(job), path(model, stageAs: 'models/*')
    path documents
    path labels
    path regimes, stageAs: 'regimes/?/*'
    path prompts, stageAs: 'prompts'

    output:
    tuple val(meta), path('answers.parquet'), emit: answers
    tuple val(meta), path('manifest.json'), emit: manifest

    script:
    """
    ${jobFile(job)}
    label_documents.py --job job.json --documents ${documents} --labels ${labels} ${options('regimes', regimes)} \\
        --prompts ${prompts} ${model ? '--model-dir models' : ''} --attempt ${task.attempt}
    """

    stub:
    """
    ${jobFile(job)}
    label_documents.py --job job.json --documents ${documents} --labels ${labels} ${options('regimes', regimes)} \\
        --prompts ${prompts} --stub
    """
}

workflow LABELLING {
    take:
    jobs
    documents
    labels
    regimes

    main:
    // [meta, job, model folder or nothing]
    requests = ofStage(jobs, 'labelling').map { meta, job -> [meta, job, modelFolder(meta.model)] }
    LABEL_DOCUMENTS(requests, documents, labels, regimes, onePath(params.prompts))
    answers = LABEL_DOCUMENTS.out.answers.map { meta, f -> [meta.model, f] }
    manifests = LABEL_DOCUMENTS.out.manifest.map { meta, f -> [meta.id, f] }
    tellWarnings(manifests)

    emit:
    answers
    manifests
}
