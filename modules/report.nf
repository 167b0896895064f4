include { jobFile ; ofStage ; options ; sortedFiles } from './channels.nf'

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

    script:
    """
    ${jobFile(job)}
    draw_figures.py --job job.json --cells ${cells} --plan ${plan} --corpus corpus.json --findings findings.json \\
        --effects effects.parquet --correlations correlations.parquet --fidelity fidelity.parquet \\
        --retrieval retrieval.parquet --scores scores.parquet --out-dir figures
    """

    stub:
    """
    ${jobFile(job)}
    draw_figures.py --job job.json --cells ${cells} --plan ${plan} --corpus corpus.json --findings findings.json \\
        --effects effects.parquet --correlations correlations.parquet --fidelity fidelity.parquet \\
        --retrieval retrieval.parquet --scores scores.parquet --out-dir figures --stub
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
    path waterfalls, stageAs: 'waterfalls/?/*'
    path manifests, stageAs: 'manifests/?/*'
    path figures
    path prompts, stageAs: 'prompts'

    output:
    path 'report.html', emit: report
    path 'summary.txt', emit: summary
    path 'tables', emit: tables

    script:
    """
    ${jobFile(job)}
    write_report.py --job job.json --results . --cells ${cells} --plan ${plan} --figures ${figures} --prompts ${prompts} \\
        ${options('waterfalls', waterfalls)} ${options('manifests', manifests)}
    """

    stub:
    """
    ${jobFile(job)}
    write_report.py --job job.json --results . --cells ${cells} --plan ${plan} --figures ${figures} --prompts ${prompts} \\
        ${options('waterfalls', waterfalls)} ${options('manifests', manifests)} --stub
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
    waterfalls
    tables
    manifests

    main:
    job = ofStage(jobs, 'report').first()
    DRAW_FIGURES(job, cells, plan, inputs, tables)
    WRITE_REPORT(job, cells, plan, inputs, tables, waterfalls, sortedFiles(manifests), DRAW_FIGURES.out.figures, file(params.prompts))
    status = tables.map { files -> files.find { f -> f.name == 'status.json' } }
    CHECK_COMPLETE(status, WRITE_REPORT.out.report)
}
