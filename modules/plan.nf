include { listedIn ; onePath ; options } from './channels.nf'
include { chosenDesign } from './sources.nf'

process PLAN_EXPERIMENTS {
    label 'cpu_small'
    cache false
    debug true

    input:
    path design, stageAs: 'design/*'
    path labels
    path corpus
    path documents
    path brought
    path models
    path recipes
    path claims
    path prompts, stageAs: 'prompts'
    path previous, stageAs: 'previous/?/*'
    val chosen
    val fetched
    val served

    output:
    path 'cells.jsonl', emit: cells
    path 'plan.json', emit: plan
    path 'jobs/*/*.json', emit: jobs

    script:
    """
    plan_experiments.py --design ${design} --labels ${labels} --corpus ${corpus} --documents ${documents} --brought ${brought} \\
        --models ${models} --recipes ${recipes} --claims ${claims} --prompts ${prompts} --cores ${params.max_cpus} ${options('previous', previous)} ${chosen} \\
        --fetched '${fetched}' --served '${served}'
    """

    stub:
    """
    plan_experiments.py --design ${design} --labels ${labels} --corpus ${corpus} --documents ${documents} --brought ${brought} \\
        --models ${models} --recipes ${recipes} --claims ${claims} --prompts ${prompts} --cores ${params.max_cpus} ${options('previous', previous)} ${chosen}
    """
}

workflow PLAN {
    take:
    labels
    corpus
    documents
    brought

    main:
    def chosen = ['seed', 'look'].findAll { name -> params[name] != null }.collect { name -> "--${name} ${params[name] as Integer}" }.join(' ')
    // names of the models that are here: one that the plan needs and that is not is refused before any work starts
    def fetched = listedIn(params.model_dir).findAll { f -> java.nio.file.Files.isDirectory(f) && f.name ==~ /[a-z0-9_]+/ }.collect { f -> f.name }.sort().join(',')
    // a served model gets text of the study: the planner says where it goes, and wants a yes
    def served = groovy.json.JsonOutput.toJson([
        allow: params.allow_served.toString().toBoolean(),
        price: params.price_per_million_tokens == null ? null : params.price_per_million_tokens as BigDecimal,
        network: !(workflow.containerEngine in ['docker', 'podman']) || params.task_network != 'none',
    ])
    PLAN_EXPERIMENTS(
        chosenDesign(), labels, corpus, documents, brought, onePath(params.models), onePath(params.recipes),
        onePath(params.claims), onePath(params.prompts), params.previous ? onePath(params.previous) : [], chosen, fetched,
        served,
    )
    cells = PLAN_EXPERIMENTS.out.cells
    plan = PLAN_EXPERIMENTS.out.plan
    // jobs cross as values: a planner that runs again and decides the same disturbs nothing
    jobs = PLAN_EXPERIMENTS.out.jobs.flatten().map { f ->
        def job = new groovy.json.JsonSlurper().parseText(f.text)
        def draws = (job.items.collect { item -> item.draw } + [job.settings.draw]).findAll { draw -> draw != null }.unique()
        def draw = draws.size() == 1 ? String.format('d%02d', draws[0] as Integer) : ''
        def meta = [id: job.job_id, source: job.settings.source ?: 'real', model: job.model ?: '', draw: draw, view: job.settings.view ?: '']
        [job.stage, meta, f.readLines().collect { line -> line.trim() }.join('')]
    }

    emit:
    cells
    plan
    jobs
}
