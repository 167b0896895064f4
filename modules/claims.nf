include { jobFile } from './channels.nf'

process CHECK_CLAIMS {
    label 'cpu_small'

    input:
    tuple val(meta), val(job)
    path claims
    path effects
    path correlations
    path findings
    path status

    output:
    path 'claims.json', emit: claims
    path 'manifest.json', emit: manifest

    script:
    """
    ${jobFile(job)}
    check_claims.py --job job.json --claims ${claims} --effects ${effects} --correlations ${correlations} \\
        --findings ${findings} --status ${status}
    """

    stub:
    """
    ${jobFile(job)}
    check_claims.py --job job.json --claims ${claims} --effects ${effects} --correlations ${correlations} \\
        --findings ${findings} --status ${status} --stub
    """
}
