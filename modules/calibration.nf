include { codeDigest ; options } from './channels.nf'

process CALIBRATE_INSTRUMENT {
    tag "${place} ${first}"
    label 'cpu_small'

    input:
    tuple val(place), val(world), val(classifier), val(first), val(draws)
    val seed
    val code

    output:
    tuple val(place), val(first), path('calibration_scores.parquet'), emit: scores
    tuple val(place), val(first), path('manifest.json'), emit: manifest

    script:
    """
    # code ${code}
    calibrate_instrument.py --world ${world} --classifier ${classifier} --first ${first} --draws ${draws} ${seed}
    """

    stub:
    """
    calibrate_instrument.py --world ${world} --classifier ${classifier} --first ${first} --draws ${draws} ${seed} --stub
    """
}

process RATE_CALIBRATION {
    tag "${place}"
    label 'cpu_small'

    input:
    tuple val(place), path(scores, stageAs: 'scores/?/*')
    val code

    output:
    tuple val(place), path('calibration.parquet'), path('confusion.parquet'), emit: rates
    tuple val(place), path('manifest.json'), emit: manifest

    script:
    """
    # code ${code}
    rate_calibration.py ${options('scores', scores)}
    """

    stub:
    """
    rate_calibration.py ${options('scores', scores)} --stub
    """
}

process COLLECT_CALIBRATION {
    label 'cpu_small'

    input:
    path rates, stageAs: 'rates/?/*'
    path confusions, stageAs: 'confusions/?/*'
    path manifests, stageAs: 'manifests/?/*'
    val commit
    val code

    output:
    path 'calibration.{parquet,csv,md,json}', emit: tables
    path 'confusion.{parquet,csv}', emit: confusion
    path 'manifest.json'

    script:
    """
    # code ${code}
    collect_calibration.py ${options('calibration', rates)} ${options('confusion', confusions)} \\
        ${options('manifests', manifests)} ${commit}
    """

    stub:
    """
    collect_calibration.py ${options('calibration', rates)} ${options('confusion', confusions)} \\
        ${options('manifests', manifests)} ${commit} --stub
    touch calibration.md calibration.csv confusion.csv
    """
}

workflow CALIBRATION {
    main:
    // the worlds and classifiers of bin/volfid/calibration/catalogue.py
    def worlds = ['null', 'steps', 'threshold', 'label_law', 'content', 'duplication', 'new_corpus', 'worth']
    def replicates = params.calibrate_replicates as Integer
    // 5 draws a replicate, at most 200 replicates a task: [first draw, draws]
    def chunks = (0..<(replicates + 199).intdiv(200)).collect { k -> [k * 1000, [1000, replicates * 5 - k * 1000].min()] }
    def seed = params.seed == null ? '' : "--seed ${params.seed as Integer}"
    def code = codeDigest(['calibrate_instrument.py', 'rate_calibration.py', 'collect_calibration.py', 'volfid/__init__.py',
        'volfid/core', 'volfid/calibration', 'volfid/curation', 'volfid/training', 'volfid/statistics'])
    def commit = params.calibrate_commit ? "--commit ${params.calibrate_commit}" : ''
    // [place, world, classifier, first draw, draws]
    work = channel.fromList(worlds)
        .combine(channel.of('linear', 'mlp'))
        .combine(channel.fromList(chunks))
        .map { world, classifier, first, draws -> ["${world}__${classifier}".toString(), world, classifier, first, draws] }
    CALIBRATE_INSTRUMENT(work, seed, code)
    scores = CALIBRATE_INSTRUMENT.out.scores
        .map { place, first, f -> tuple(groupKey(place, chunks.size()), first, f) }
        .groupTuple()
        .map { place, firsts, files -> [place.toString(), [firsts, files].transpose().sort { a, b -> a[0] <=> b[0] }.collect { pair -> pair[1] }] }
    RATE_CALIBRATION(scores, code)
    rated = RATE_CALIBRATION.out.rates.toSortedList { a, b -> a[0] <=> b[0] }
    made = CALIBRATE_INSTRUMENT.out.manifest.map { place, first, f -> [String.format('%s %08d', place, first), f] }
        .mix(RATE_CALIBRATION.out.manifest)
        .toSortedList { a, b -> a[0] <=> b[0] }
    COLLECT_CALIBRATION(
        rated.map { rows -> rows.collect { row -> row[1] } }, rated.map { rows -> rows.collect { row -> row[2] } },
        made.map { rows -> rows.collect { row -> row[1] } }, commit, code,
    )
}
