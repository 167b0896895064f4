include { filesIn ; jobFile ; ofStage ; onePath ; options ; sortedFiles } from './channels.nf'

process DRAW_FIGURES {
    label 'cpu_small'

    input:
    tuple val(meta), val(job)
    path cells
    path plan
    path inputs
    path tables

    output:
    path 'figures', emit: figures
    path 'manifest.json'

    script:
    """
    ${jobFile(job)}
    draw_figures.py --job job.json --cells ${cells} --plan ${plan} --corpus corpus.json --findings findings.json \\
        --effects effects.parquet --correlations correlations.parquet --fidelity fidelity.parquet \\
        --retrieval retrieval.parquet --scores scores.parquet
    """

    stub:
    """
    ${jobFile(job)}
    draw_figures.py --job job.json --cells ${cells} --plan ${plan} --corpus corpus.json --findings findings.json \\
        --effects effects.parquet --correlations correlations.parquet --fidelity fidelity.parquet \\
        --retrieval retrieval.parquet --scores scores.parquet --stub
    """
}

process WRITE_REPORT {
    label 'cpu_small'

    input:
    tuple val(meta), val(job)
    path cells
    path plan
    path inputs
    path tables
    path regimes, stageAs: 'regimes/?/*'
    path waterfalls, stageAs: 'waterfalls/?/*'
    path manifests, stageAs: 'manifests/?/*'
    path figures
    path prompts, stageAs: 'prompts'
    path assets, stageAs: 'assets/*'

    output:
    path 'report.html', emit: report
    path 'summary.txt', emit: summary
    path 'tables/*.csv', emit: tables
    path 'STAMP.txt', optional: true
    path 'manifest.json'

    script:
    """
    ${jobFile(job)}
    write_report.py --job job.json --cells ${cells} --plan ${plan} --corpus corpus.json --labels labels.json \\
        --funnel funnel.json --rejects rejects.jsonl --scores scores.parquet --effects effects.parquet \\
        --correlations correlations.parquet --findings findings.json --claims claims.json --status status.json \\
        --gaps gaps.jsonl --fidelity fidelity.parquet --keywords keywords.parquet --leaks leaks.parquet --agreement agreement.parquet --uses uses.json \\
        --retrieval retrieval.parquet --retrieval-tests retrieval_tests.parquet --retrieval-filters retrieval_filters.parquet \\
        --figures ${figures} --assets assets --prompts ${prompts} \\
        ${options('regimes', regimes)} ${options('waterfall', waterfalls)} ${options('manifests', manifests)}
    """

    stub:
    """
    ${jobFile(job)}
    write_report.py --job job.json --cells ${cells} --plan ${plan} --corpus corpus.json --labels labels.json \\
        --funnel funnel.json --rejects rejects.jsonl --scores scores.parquet --effects effects.parquet \\
        --correlations correlations.parquet --findings findings.json --claims claims.json --status status.json \\
        --gaps gaps.jsonl --fidelity fidelity.parquet --keywords keywords.parquet --leaks leaks.parquet --agreement agreement.parquet --uses uses.json \\
        --retrieval retrieval.parquet --retrieval-tests retrieval_tests.parquet --retrieval-filters retrieval_filters.parquet \\
        --figures ${figures} --assets assets --stub
    """
}

// the exit status of the run: 65 when a planned cell is missing, after everything is written
process CHECK_COMPLETE {
    label 'cpu_small'

    input:
    path status
    path report

    script:
    """
    check_complete.py --status ${status} ${params.allow_missing.toString().toBoolean() ? '--allow-missing' : ''}
    """

    stub:
    """
    check_complete.py --help > /dev/null
    """
}

workflow REPORT {
    take:
    jobs
    cells
    plan
    inputs
    regimes
    waterfalls
    tables
    manifests

    main:
    job = ofStage(jobs, 'report').first()
    DRAW_FIGURES(job, cells, plan, inputs, tables)
    WRITE_REPORT(job, cells, plan, inputs, tables, regimes, waterfalls, sortedFiles(manifests), DRAW_FIGURES.out.figures, onePath(params.prompts), filesIn("${projectDir}/assets", ''))
    CHECK_COMPLETE(tables.map { files -> files.find { f -> f.name == 'status.json' } }, WRITE_REPORT.out.report)
    summary = WRITE_REPORT.out.summary

    emit:
    summary
}
