include { jobFile ; ofStage ; onePath ; options ; sortedFiles } from './channels.nf'
include { CHECK_CLAIMS } from './claims.nf'
include { PRICE_USES ; priceOptions } from './uses.nf'

process COLLECT_SCORES {
    label 'cpu_small'

    input:
    tuple val(meta), val(job)
    path cells
    path scores, stageAs: 'scores/?/*'
    path counts, stageAs: 'counts/?/*'
    path gaps, stageAs: 'gaps/?/*'

    output:
    path 'scores.parquet', emit: scores
    path 'counts.parquet', emit: counts
    path 'gaps.jsonl', emit: gaps
    path 'status.json', emit: status
    path 'manifest.json', emit: manifest

    script:
    """
    ${jobFile(job)}
    collect_scores.py --job job.json --cells ${cells} ${options('scores', scores)} \\
        ${options('counts', counts)} ${options('gaps', gaps)}
    """

    stub:
    """
    ${jobFile(job)}
    collect_scores.py --job job.json --cells ${cells} ${options('scores', scores)} \\
        ${options('counts', counts)} ${options('gaps', gaps)} --stub
    """
}

process ESTIMATE_EFFECTS {
    label 'cpu_small'

    input:
    tuple val(meta), val(job)
    path cells
    path plan
    path corpus
    path scores
    path counts
    path status
    path fidelity
    path retrieval
    path claims

    output:
    path 'effects.parquet', emit: effects
    path 'correlations.parquet', emit: correlations
    path 'findings.json', emit: findings
    path 'manifest.json', emit: manifest

    script:
    """
    ${jobFile(job)}
    estimate_effects.py --job job.json --cells ${cells} --plan ${plan} --corpus ${corpus} --scores ${scores} \\
        --counts ${counts} --status ${status} --fidelity ${fidelity} --retrieval ${retrieval} --claims ${claims}
    """

    stub:
    """
    ${jobFile(job)}
    estimate_effects.py --job job.json --cells ${cells} --plan ${plan} --corpus ${corpus} --scores ${scores} \\
        --counts ${counts} --status ${status} --fidelity ${fidelity} --retrieval ${retrieval} --claims ${claims} --stub
    """
}

workflow STATISTICS {
    take:
    jobs
    cells
    plan
    corpus
    scores
    counts
    training_gaps
    curation_gaps
    fidelity
    keywords
    leaks
    retrieval
    retrieval_tests
    retrieval_filters
    generations
    agreement

    main:
    job = ofStage(jobs, 'statistics').first()
    COLLECT_SCORES(job, cells, scores, counts, sortedFiles(training_gaps.mix(curation_gaps)))
    status = COLLECT_SCORES.out.status
    ESTIMATE_EFFECTS(job, cells, plan, corpus, COLLECT_SCORES.out.scores, COLLECT_SCORES.out.counts, status, fidelity, retrieval, onePath(params.claims))
    findings = ESTIMATE_EFFECTS.out.findings
    CHECK_CLAIMS(job, onePath(params.claims), ESTIMATE_EFFECTS.out.effects, ESTIMATE_EFFECTS.out.correlations, findings, status)
    PRICE_USES(job, cells, plan, COLLECT_SCORES.out.scores, sortedFiles(generations), priceOptions())
    // every result the report shows, one file of each name
    tables = COLLECT_SCORES.out.scores.concat(
        COLLECT_SCORES.out.gaps, status, fidelity, keywords, leaks, agreement, retrieval, retrieval_tests, retrieval_filters,
        ESTIMATE_EFFECTS.out.effects, ESTIMATE_EFFECTS.out.correlations, findings, CHECK_CLAIMS.out.claims, PRICE_USES.out.uses,
    ).toList()
    manifests = COLLECT_SCORES.out.manifest.map { f -> ['statistics_collect', f] }.mix(
        ESTIMATE_EFFECTS.out.manifest.map { f -> ['statistics_estimate', f] },
        CHECK_CLAIMS.out.manifest.map { f -> ['statistics_claims', f] },
        PRICE_USES.out.manifest.map { f -> ['statistics_uses', f] },
    )

    emit:
    tables
    manifests
}
