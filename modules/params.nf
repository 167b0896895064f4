// The parameters: what they mean, and what is refused before anything starts.

def helpText() {
    return """\
    volfid ${workflow.manifest.version}: what is synthetic text worth, and why?

      nextflow run main.nf -profile demo  [--input docs.jsonl --labels labels.json]
      nextflow run main.nf -profile audit --real my.csv --synthetic mine.jsonl
      nextflow run main.nf -profile calibrate  [--calibrate_replicates 400]

    --input FILE        real documents: JSONL, CSV, TSV, Parquet or XLSX, also gzip, or a folder (default: 'demo', the
                        corpus written for the demo; 'fixture' is a generated one for tests)
    --real FILE         the same, for an audit
    --synthetic FILE    synthetic documents to audit
    --labels FILE       names and definitions of the labels: JSON or CSV
    --id_column, --text_columns, --label_columns, --label_separator, --split_column, --group_column, --date_column
                        columns of --input by name, where the usual names do not serve (docs/own-data.md)
    --policies LIST     rows that cannot be used, e.g. 'unlabelled=keep, max_words=400'
    --design FILE       the experiment: params/design/*.yaml
    --outdir DIR        results (default: results)
    --seed N            master seed (default: the design's)
    --look N            look of a sequential design; from the second on with
    --previous FILE     tables/effects.parquet of the look before
    --allow_missing     end well although planned cells are missing
    --chunk_store DIR   finished generation chunks; a killed run resumes from them
    --model_dir DIR     folder of fetched models
    --models, --recipes, --claims, --prompts     other files than those of params/
    --price_per_million_tokens X, --price_per_label_document X, --price_per_gpu_hour X   for costs in the report
    --calibrate_replicates N    experiments of five draws in each world of the calibration (default: 400)
    --calibrate_commit ID       commit that its page names
    --max_cpus N, --max_memory SIZE              most that one task may take

    Where it runs: -profile demo,docker (or podman, apptainer, singularity), slurm, gpu; docs/running-on-*.md
    --image_core, --image_cpu, --image_gpu NAME@sha256:...   other images than those of conf/containers.config
    --task_network NET          network of the containers (default: none)
    --gpus N, --gpus_per_task N, --gpu_memory_gib N, --cuda 13|12, --check_host false   cards, and what they must have
    --slurm_queue, --slurm_gpu_queue, --slurm_account NAME
    """.stripIndent()
}

// one clear line for each mistake that can be seen before anything starts
def checkParams() {
    def known = ['input', 'real', 'synthetic', 'labels', 'id_column', 'text_columns', 'label_columns',
                 'label_separator', 'split_column', 'group_column', 'date_column', 'policies', 'design', 'models', 'recipes',
                 'claims', 'prompts', 'model_dir', 'chunk_store', 'seed', 'look', 'previous', 'outdir', 'allow_missing', 'calibrate', 'calibrate_replicates',
                 'calibrate_commit', 'max_cpus', 'max_memory', 'help', 'gpu', 'gpus', 'gpus_per_task', 'gpu_memory_gib', 'cuda',
                 'check_host', 'task_network', 'slurm_queue', 'slurm_gpu_queue', 'slurm_account', 'image_core', 'image_cpu', 'image_gpu',
                 'price_per_million_tokens', 'price_per_label_document', 'price_per_gpu_hour']
    def unknown = params.keySet().findAll { name -> !name.contains('-') && !(name in known) }
    if( unknown ) {
        error "unknown parameter --${unknown.sort()[0]}; known: ${known.sort().join(', ')}"
    }
    def source = params.real ?: params.input
    if( !source ) {
        error "no real documents: give --real FILE (an audit) or --input FILE"
    }
    ['seed', 'look', 'gpus', 'gpus_per_task', 'gpu_memory_gib'].each { name ->
        if( params[name] != null && !(params[name].toString() ==~ /[0-9]+/) ) {
            error "--${name}: ${params[name]} is not a whole number"
        }
    }
    known.findAll { name -> name.startsWith('price_') && params[name] != null }.each { name ->
        if( !(params[name].toString() ==~ /[0-9]+(\.[0-9]+)?/) ) {
            error "--${name}: ${params[name]} is not a price"
        }
    }
    if( !(params.calibrate_replicates.toString() ==~ /[0-9]+/) || (params.calibrate_replicates as Integer) < 8 ) {
        error "--calibrate_replicates: ${params.calibrate_replicates} is not a whole number of at least 8"
    }
    if( !params.real && params.input in ['demo', 'fixture'] && params.labels ) {
        error "--labels was given, but --input ${params.input} has its own labels"
    }
    if( params.real && !params.synthetic ) {
        error "an audit needs the synthetic documents too: give --synthetic FILE"
    }
    ['input', 'real', 'synthetic', 'labels', 'design', 'models', 'recipes', 'claims', 'prompts', 'previous'].each { name ->
        def value = params[name]
        if( value && !(name == 'input' && value in ['demo', 'fixture']) && !file(value.toString(), glob: false).exists() ) {
            error "--${name}: there is no file ${value}"
        }
    }
    return source.toString()
}
