include { jobFile ; modelFolder ; ofStage ; onePath ; options ; sortedFiles ; tellWarnings } from './channels.nf'

// a generator votes, several times a document, on labels of made documents, and of real ones to know how it errs
process CHECK_LABELS {
    tag "${meta.id}"
    label 'gpu_generate'
    maxForks params.gpu.toString().toBoolean() ? params.gpus as Integer : 0
    label 'may_leave_gap'
    publishDir path: { "${params.outdir}/checks/${meta.id}" }, mode: 'copy', overwrite: true, pattern: '{label_checks.parquet,manifest.json}'

    input:
    tuple val(meta), val(job), path(synthetic), path(model, stageAs: 'models/*')
    path documents
    path labels
    path prompts, stageAs: 'prompts'

    output:
    tuple val(meta), path('label_checks.parquet'), emit: checks
    tuple val(meta), path('manifest.json'), emit: manifest

    script:
    """
    ${jobFile(job)}
    check_labels.py --job job.json --documents ${documents} --labels ${labels} ${options('synthetic', synthetic)} \\
        --prompts ${prompts} ${model ? '--model-dir models' : ''} --attempt ${task.attempt}
    """

    stub:
    """
    ${jobFile(job)}
    check_labels.py --job job.json --documents ${documents} --labels ${labels} ${options('synthetic', synthetic)} \\
        --prompts ${prompts} --stub
    """
}

process MEASURE_AGREEMENT {
    label 'cpu_small'

    input:
    tuple val(meta), val(job)
    path checks, stageAs: 'checks/?/*'

    output:
    path 'agreement.parquet', emit: agreement
    path 'manifest.json', emit: manifest

    script:
    """
    ${jobFile(job)}
    measure_agreement.py --job job.json ${options('checks', checks)}
    """

    stub:
    """
    ${jobFile(job)}
    measure_agreement.py --job job.json ${options('checks', checks)} --stub
    """
}

workflow CHECKS {
    take:
    jobs
    documents
    labels
    synthetic

    main:
    // ['real' or author, all its documents or nothing]; a job for each pair of checker and author
    texts = synthetic.filter { part, _f -> part != 'real' && !part.contains('/') }.mix(channel.of(['real', []]))
    work = ofStage(jobs, 'checks').map { meta, job -> [meta.source, meta, job] }.combine(texts, by: 0)
    CHECK_LABELS(
        work.map { _source, meta, job, text -> [meta, job, text, modelFolder(meta.model)] },
        documents, labels, onePath(params.prompts),
    )
    MEASURE_AGREEMENT(ofStage(jobs, 'statistics').first(), sortedFiles(CHECK_LABELS.out.checks.map { meta, f -> [meta.id, f] }))
    agreement = MEASURE_AGREEMENT.out.agreement
    tellWarnings(CHECK_LABELS.out.manifest.map { meta, f -> [meta.id, f] })
    manifests = CHECK_LABELS.out.manifest.map { meta, f -> [meta.id, f] }
        .mix(MEASURE_AGREEMENT.out.manifest.map { f -> ['statistics_agreement', f] })

    emit:
    agreement
    manifests
}
