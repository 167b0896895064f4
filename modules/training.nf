include { jobFile ; ofStage ; options ; sortedFiles } from './channels.nf'

process TRAIN_HEADS {
    tag "${meta.id}"
    label 'gpu_train'
    label 'may_leave_gap'
    publishDir path: { "${params.outdir}/training/${meta.id}" }, mode: 'copy', pattern: 'predictions.parquet'

    input:
    tuple val(meta), val(job), path(trainsets), path(stores, stageAs: 'stores/?/*'), path(answers, stageAs: 'answers/?/*')
    path documents
    path labels
    path regimes, stageAs: 'regimes/?/*'

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
    label 'may_leave_gap'
    publishDir path: { "${params.outdir}/training/${meta.id}" }, mode: 'copy', pattern: 'predictions.parquet'

    input:
    tuple val(meta), val(job), path(trainsets), path(synthetic), path(model, stageAs: 'models/*')
    path documents
    path labels
    path regimes, stageAs: 'regimes/?/*'

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
    regimes
    trainsets
    synthetic
    stores
    answers

    main:
    // ['real' or generator, [its folders of vectors]]
    real = stores.filter { source, _folder -> source == 'real' }.map { _source, folder -> folder }
    vectors = stores.combine(real).map { source, folder, first -> [source, source == 'real' ? [first] : [first, folder]] }
    work = ofStage(jobs, 'training')
        .map { meta, job -> [meta.source, meta, job] }
        .combine(trainsets, by: 0)
        .combine(vectors, by: 0)
        .map { _source, meta, job, sets, folders -> [meta, job, sets, folders] }
    // cells that a generator answers wait for it, also when it fails: their task then says why they are missing
    parts = work.branch { meta, _job, _sets, _folders ->
        answered: meta.model
        trained: true
    }
    asked = parts.answered.combine(answers.toList().map { rows -> [rows] }).map { meta, job, sets, folders, rows ->
        [meta, job, sets, folders, rows.findAll { row -> row[0] == meta.model }.collect { row -> row[1] }]
    }
    trained = parts.trained.map { meta, job, sets, folders -> [meta, job, sets, folders, []] }
    TRAIN_HEADS(trained.mix(asked), documents, labels, regimes)
    // a fine-tuned encoder reads texts and a model instead of vectors: [meta, job, trainsets, synthetic.jsonl, model]
    tuned = ofStage(jobs, 'encoders')
        .map { meta, job -> [meta.source, meta, job] }
        .combine(trainsets, by: 0).combine(synthetic, by: 0)
        .map { _source, meta, job, sets, texts ->
            def model = file("${params.model_dir}/${meta.model}")
            [meta, job, sets, texts, model.exists() ? model : []]
        }
    TRAIN_ENCODERS(tuned, documents, labels, regimes)
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
