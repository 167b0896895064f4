// The parameters: what they mean, and what is refused before anything starts.

include { recipeFile } from './corpora.nf'

def helpText() {
    return """\
    volfid ${workflow.manifest.version}: what is synthetic text worth, and why?

      nextflow run main.nf -profile demo  [--input docs.jsonl --labels labels.json]
      nextflow run main.nf -profile audit --real my.csv --synthetic mine.jsonl
      nextflow run main.nf -profile calibrate  [--calibrate_replicates 400]

    --input FILE        real documents: JSONL, CSV, TSV, Parquet or XLSX, also gzip, or a folder (default: 'demo', the
                        corpus written for the demo; 'fixture' is a generated one for tests), or
                        hf:<dataset>@<commit>: tables of a data set of the Hugging Face hub
    --corpus NAME       a corpus that is fetched by its recipe in params/corpora (docs/corpora.md), or a path to a recipe
    --corpus_revision ID    another commit of it, 40 hex digits
    --real FILE         the same, for an audit
    --synthetic FILE    synthetic documents to audit
    --labels FILE       names and definitions of the labels: JSON or CSV
    --id_column, --text_columns, --label_columns, --label_separator, --split_column, --group_column, --date_column
                        columns of --input by name, where the usual names do not serve (docs/own-data.md)
    --policies LIST     rows that cannot be used, e.g. 'unlabelled=keep, max_words=400'
    --design FILE       the experiment: params/design/*.yaml (default: demo.yaml; with -profile gpu reduced.yaml)
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
    --task_network NET, --fetch_network NET      network of the containers (default: none), and of the task that fetches
    --gpus N, --gpus_per_task N, --gpu_memory_gib N, --cuda 13|12, --check_host false   cards, and what they must have
    --slurm_queue, --slurm_gpu_queue, --slurm_account NAME
    """.stripIndent()
}

// one clear line for each mistake that can be seen before anything starts
def checkParams() {
    def known = ['input', 'real', 'synthetic', 'labels', 'corpus', 'corpus_revision', 'fetch_network', 'id_column', 'text_columns', 'label_columns',
                 'label_separator', 'split_column', 'group_column', 'date_column', 'policies', 'design', 'models', 'recipes',
                 'claims', 'prompts', 'model_dir', 'chunk_store', 'seed', 'look', 'previous', 'outdir', 'allow_missing', 'calibrate', 'calibrate_replicates',
                 'calibrate_commit', 'max_cpus', 'max_memory', 'help', 'gpu', 'gpus', 'gpus_per_task', 'gpu_memory_gib', 'cuda',
                 'check_host', 'task_network', 'slurm_queue', 'slurm_gpu_queue', 'slurm_account', 'image_core', 'image_cpu', 'image_gpu',
                 'price_per_million_tokens', 'price_per_label_document', 'price_per_gpu_hour']
    def unknown = params.keySet().findAll { name -> !name.contains('-') && !(name in known) }
    if( unknown ) {
        error "unknown parameter --${unknown.sort()[0]}; known: ${known.sort().join(', ')}"
    }
    def source = chosenSource()
    if( !source ) {
        error "no real documents: give --real FILE (an audit), --input FILE or --corpus NAME"
    }
    checkCorpus(source)
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
    if( params.real && !params.synthetic ) {
        error "an audit needs the synthetic documents too: give --synthetic FILE"
    }
    ['input', 'real', 'synthetic', 'labels', 'design', 'models', 'recipes', 'claims', 'prompts', 'previous'].each { name ->
        def value = params[name]
        def elsewhere = name == 'input' && (value in ['demo', 'fixture'] || value.toString().startsWith('hf:'))
        if( value && !elsewhere && !file(value.toString(), glob: false).exists() ) {
            error "--${name}: there is no file ${value}"
        }
    }
    if( !params.real && !params.corpus && params.input in ['demo', 'fixture'] && params.labels ) {
        error "--labels was given, but --input ${params.input} has its own labels"
    }
    return source
}

// a path, 'fixture', 'corpus:<recipe>' or 'hf:<dataset>@<commit>'; a GPU run that names none takes the recipe wos_ct
def chosenSource() {
    if( params.corpus ) {
        return "corpus:${params.corpus}".toString()
    }
    def given = params.real ?: params.input
    def gpu = params.gpu.toString().toBoolean() && !params.synthetic
    return given ? given.toString() : gpu ? 'corpus:wos_ct' : null
}

def checkCorpus(source) {
    if( params.corpus && (params.real || (params.input && !(params.input in ['demo', 'fixture']))) ) {
        error "--corpus ${params.corpus} was given together with ${params.real ? '--real' : '--input'}; give one of them"
    }
    if( params.corpus && !recipeFile(params.corpus.toString()).exists() ) {
        def names = files("${projectDir}/params/corpora/*.yaml").collect { f -> f.baseName }.sort()
        error "--corpus: there is no recipe ${params.corpus}; known: ${names.join(', ')}"
    }
    if( params.corpus_revision && !(params.corpus_revision.toString() ==~ /[0-9a-f]{40}/) ) {
        error "--corpus_revision: ${params.corpus_revision} is no commit (40 hex digits); branches and tags move"
    }
    if( params.corpus_revision && !source.startsWith('corpus:') ) {
        error "--corpus_revision was given without --corpus"
    }
    if( source.startsWith('hf:') && !(source ==~ /hf:[\w.-]+\/[\w.-]+@[0-9a-f]{40}(:[\w.\/*?-]+)?/) ) {
        error "--input: ${source} does not pin a data set: write hf:<owner>/<dataset>@<commit> with the 40 hex digits of a commit, not a branch"
    }
}
