include { jobFile ; options } from './channels.nf'

// what else the same tokens buy; a price that is not given leaves tokens and documents
process PRICE_USES {
    label 'cpu_small'
    publishDir path: { "${params.outdir}/tables" }, mode: 'copy', overwrite: true, pattern: 'uses.json'

    input:
    tuple val(meta), val(job)
    path cells
    path plan
    path scores
    path generations, stageAs: 'generations/?/*'
    val prices

    output:
    path 'uses.json', emit: uses
    path 'manifest.json', emit: manifest

    script:
    """
    ${jobFile(job)}
    price_uses.py --job job.json --cells ${cells} --plan ${plan} --scores ${scores} \\
        ${options('generations', generations)} ${prices}
    """

    stub:
    """
    ${jobFile(job)}
    price_uses.py --job job.json --cells ${cells} --plan ${plan} --scores ${scores} --stub
    """
}

// the prices that are given, as options of the command
def priceOptions() {
    return ['price_per_million_tokens', 'price_per_label_document', 'price_per_gpu_hour']
        .findAll { name -> params[name] != null }
        .collect { name -> "--${name.replace('_', '-')} ${params[name] as BigDecimal}" }
        .join(' ')
}
