include { codeDigest ; filesIn } from './channels.nf'
include { recipeFile } from './sources.nf'

// The one task that may use the network: a corpus by recipe, or tables of the hub at a commit
process FETCH_CORPUS {
    tag "${wanted}"
    label 'cpu_small'
    label 'network'

    input:
    val wanted
    path recipe, stageAs: 'recipes/*'
    path taxonomies, stageAs: 'taxonomy/*'
    val revision
    val code

    output:
    path '*.jsonl', emit: documents
    path 'labels.json', optional: true, emit: labels
    path 'source.json', emit: source
    path 'manifest.json', emit: manifest

    script:
    def source = recipe ? "--recipe ${recipe}" : "--hub '${wanted}'"
    """
    # code ${code}
    convert_corpus.py ${source} ${revision} --downloads downloads
    rm -rf downloads
    """

    stub:
    def source = recipe ? "--recipe ${recipe}" : "--hub '${wanted}'"
    """
    # the planner needs real documents, also in a stub run; code ${code}
    convert_corpus.py ${source} ${revision} --downloads downloads
    rm -rf downloads
    """
}

workflow CORPUS {
    take:
    source

    main:
    def recipe = source.startsWith('corpus:') ? recipeFile(source.substring(7)) : []
    FETCH_CORPUS(
        recipe ? recipe.baseName : source,
        recipe,
        filesIn("${projectDir}/params/taxonomy", '.yaml'),
        params.corpus_revision ? "--revision ${params.corpus_revision}" : '',
        codeDigest(['convert_corpus.py', 'volfid/__init__.py', 'volfid/core', 'volfid/corpora']),
    )
    documents = FETCH_CORPUS.out.documents
    labels = FETCH_CORPUS.out.labels
    manifest = FETCH_CORPUS.out.manifest.map { f -> ['corpus', f] }

    emit:
    documents
    labels
    manifest
}
