include { jobFile ; modelFolder ; ofStage ; options ; partOf ; regimesOf ; sortedFiles ; storeOf } from './channels.nf'

process TRAIN_HEADS {
    tag "${meta.id}"
    label 'gpu_train'
    maxForks params.gpu.toString().toBoolean() ? params.gpus as Integer : 0
    label 'may_leave_gap'
    publishDir path: { "${params.outdir}/training/${meta.id}" }, mode: 'copy', overwrite: true, pattern: 'predictions.parquet'

    input:
    tuple val(meta), val(job), path(trainsets), path(stores, stageAs: 'stores/?/*'), path(answers, stageAs: 'answers/?/*'), path(regimes, stageAs: 'regimes/?/*')
    path documents
    path labels

    output:
    tuple val(meta), path('scores.parquet'), emit: scores
    tuple val(meta), path('predictions.parquet'), emit: predictions
    tuple val(meta), path('counts.parquet'), emit: counts
    tuple val(meta), path('gaps.jsonl'), emit: gaps
    tuple val(meta), path('manifest.json'), emit: manifest

    script:
    """
    ${jobFile(job)}
    train_heads.py --job job.json --documents ${documents} --labels ${labels} ${options('regimes', regimes)} \\
        --trainsets ${trainsets} ${options('embeddings', stores)} ${options('answers', answers)}
    """

    stub:
    """
    ${jobFile(job)}
    train_heads.py --job job.json --documents ${documents} --labels ${labels} ${options('regimes', regimes)} \\
        --trainsets ${trainsets} ${options('embeddings', stores)} ${options('answers', answers)} --stub
    """
}

process TRAIN_ENCODERS {
    tag "${meta.id}"
    label 'gpu_train'
    maxForks params.gpu.toString().toBoolean() ? params.gpus as Integer : 0
    label 'may_leave_gap'
    publishDir path: { "${params.outdir}/training/${meta.id}" }, mode: 'copy', overwrite: true, pattern: 'predictions.parquet'

    input:
    tuple val(meta), val(job), path(trainsets), path(synthetic), path(model, stageAs: 'models/*'), path(regimes, stageAs: 'regimes/?/*')
    path documents
    path labels

    output:
    tuple val(meta), path('scores.parquet'), emit: scores
    tuple val(meta), path('predictions.parquet'), emit: predictions
    tuple val(meta), path('counts.parquet'), emit: counts
    tuple val(meta), path('gaps.jsonl'), emit: gaps
    tuple val(meta), path('manifest.json'), emit: manifest

    script:
    """
    ${jobFile(job)}
    train_encoder.py --job job.json --documents ${documents} --labels ${labels} ${options('regimes', regimes)} \\
        --trainsets ${trainsets} --synthetic ${synthetic} ${model ? '--model-dir models' : ''} --attempt ${task.attempt}
    """

    stub:
    """
    ${jobFile(job)}
    train_encoder.py --job job.json --documents ${documents} --labels ${labels} ${options('regimes', regimes)} \\
        --trainsets ${trainsets} --synthetic ${synthetic} --stub
    """
}

workflow TRAINING {
    take:
    jobs
    documents
    labels
    drawn
    trainsets
    synthetic
    views
    answers

    main:
    // ['real' or draw of a generator, view of the texts, [its folders of vectors]]
    real = views.filter { part, _view, _folder -> part == 'real' }.map { _part, view, folder -> [view, folder] }
    vectors = views.map { part, view, folder -> [view, part, folder] }.combine(real, by: 0)
        .map { view, part, folder, first -> [part, view, part == 'real' ? [first] : [first, folder]] }
    // what a task of one draw reads does not change when there are more draws: they come from the cache
    order = drawn.toSortedList { a, b -> a[0] <=> b[0] }.map { rows -> [rows] }
    work = ofStage(jobs, 'training').map { meta, job -> [partOf(meta.source, meta.draw), meta, job] }
        .combine(trainsets, by: 0).map { part, meta, job, sets -> [storeOf(part), meta.view, meta, job, sets] }
        .combine(vectors, by: [0, 1]).combine(order)
        .map { _store, _view, meta, job, sets, folders, rows -> [meta, job, sets, folders, regimesOf(meta, rows)] }
    // cells that a generator answers wait for it, also when it fails: their task then says why they are missing
    parts = work.branch { meta, _job, _sets, _folders, _regimes ->
        answered: meta.model
        trained: true
    }
    asked = parts.answered.combine(answers.toList().map { rows -> [rows.groupBy { row -> row[0] }] })
        .map { meta, job, sets, folders, regimes, found -> [meta, job, sets, folders, (found[meta.model] ?: []).collect { row -> row[1] }, regimes] }
    TRAIN_HEADS(parts.trained.map { meta, job, sets, folders, regimes -> [meta, job, sets, folders, [], regimes] }.mix(asked), documents, labels)
    // a fine-tuned encoder reads texts and a model instead of vectors; supplied texts are the same in every draw
    tuned = ofStage(jobs, 'encoders').map { meta, job -> [partOf(meta.source, meta.draw), meta, job] }
        .combine(trainsets, by: 0).map { part, meta, job, sets -> [part.startsWith('brought/') ? 'brought' : part, meta, job, sets] }
        .combine(synthetic, by: 0).combine(order)
        .map { _part, meta, job, sets, texts, rows -> [meta, job, sets, texts, modelFolder(meta.model), regimesOf(meta, rows)] }
    TRAIN_ENCODERS(tuned, documents, labels)
    scores = sortedFiles(TRAIN_HEADS.out.scores.mix(TRAIN_ENCODERS.out.scores).map { meta, f -> [meta.id, f] })
    counts = sortedFiles(TRAIN_HEADS.out.counts.mix(TRAIN_ENCODERS.out.counts).map { meta, f -> [meta.id, f] })
    gaps = TRAIN_HEADS.out.gaps.mix(TRAIN_ENCODERS.out.gaps).map { meta, f -> [meta.id, f] }
    manifests = TRAIN_HEADS.out.manifest.mix(TRAIN_ENCODERS.out.manifest).map { meta, f -> [meta.id, f] }

    emit:
    scores
    counts
    gaps
    manifests
}
