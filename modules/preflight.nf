// What can be seen to be missing before anything starts: cards, images, documents. All of it is said at once.

include { recipeFile } from './corpora.nf'
include { checkoutProblems ; localeProblems } from './checkout.nf'
include { chosenSource ; paramProblems } from './params.nf'
include { forgetSession ; leave } from './record.nf'

def preflight() {
    def problems = localeProblems() ?: paramProblems() ?: checkoutProblems() + deviceProblems() + imageProblems() + corpusProblems()
    if( problems ) {
        problems.each { problem -> System.err.println("volfid: ${problem[1]}") }
        System.err.println('volfid: nothing was started')
        leave(problems[0][0])
    }
    if( workflow.preview ) {
        forgetSession()
    }
    if( workflow.containerEngine ) {
        // a folder that the engine makes for a mount would belong to root
        file(params.chunk_store.toString(), glob: false).mkdirs()
    }
}

// [exit code, message] of each problem
def deviceProblems() {
    if( !isTrue('gpu') || !isTrue('check_host') ) {
        return []
    }
    def looked = reply(["${projectDir}/tools/gpu_check.sh", params.gpu_memory_gib, params.cuda])
    if( looked[0] != 0 ) {
        return [[looked[0], looked[1].trim()]]
    }
    if( workflow.containerEngine == 'docker' && !onPath(['nvidia-container-runtime-hook', 'nvidia-container-runtime', 'nvidia-ctk', 'nvidia-container-toolkit']) ) {
        return [[69, 'Docker cannot hand a card to a container: the NVIDIA Container Toolkit is not on PATH. Install it (nvidia-container-toolkit), restart Docker, try again.']]
    }
    return []
}

def imageProblems() {
    def engine = workflow.containerEngine
    if( !engine ) {
        return []
    }
    def needed = isTrue('calibrate') ? ['core', 'cpu'] : ['core', isTrue('gpu') ? 'gpu' : 'cpu']
    def missing = needed.findAll { name -> !params["image_${name}"] }
    if( missing ) {
        return [[69, "conf/containers.config names no image for ${missing.join(' and ')}. Build ${missing.size() == 1 ? 'it' : 'them'}: make images IMAGES='${missing.join(' ')}' (docs/running-on-docker.md), or leave ${engine} out of -profile."]]
    }
    return needed.collect { name -> imageProblem(engine, name, params["image_${name}"].toString()) }.findAll { problem -> problem }
}

def imageProblem(engine, name, image) {
    if( !(image ==~ /(sha256:|\S+@sha256:)[0-9a-f]{64}/) && !image.endsWith('.sif') ) {
        return [64, "--image_${name}: ${image} has no digest; give NAME@sha256:... without a tag"]
    }
    if( image.startsWith('sha256:') && !(engine in ['docker', 'podman']) ) {
        return [69, "the image for ${name} is known to Docker alone. Push it: make images REGISTRY=host/project IMAGES='${name}'"]
    }
    // an id means this machine; a name with a digest is pulled when it is not here
    if( image.startsWith('sha256:') && isTrue('check_host') && reply([engine, 'image', 'inspect', image])[0] != 0 ) {
        return [69, "the image ${image} for ${name} is not on this machine, or ${engine} is not running. Build it: make images IMAGES='${name}'"]
    }
    return null
}

// a recipe that cannot be fetched: nothing pins it, or a person has to
def corpusProblems() {
    def source = isTrue('calibrate') ? null : chosenSource()
    if( !source || !source.startsWith('corpus:') ) {
        return []
    }
    def name = source.substring(7)
    def recipe = recipeFile(name)
    def own = 'your own documents with --input FILE (JSONL, CSV, TSV, Parquet or XLSX; docs/own-data.md) and --labels FILE'
    if( recipe.exists() && (recipe.text =~ /(?m)kind: *given\b/).find() ) {
        return [[64, "the corpus ${name} cannot be fetched by a program; docs/corpora.md has the way to convert it. Or give ${own}."]]
    }
    if( recipe.exists() && (recipe.text =~ /(?m)kind: *hub\b/).find() && !params.corpus_revision && !(recipe.text =~ /(?m)^revision: *'?[0-9a-f]{40}'? *$/).find() ) {
        return [[64, "the recipe ${name} names no commit, so that nothing pins its data. Give --corpus ${name} --corpus_revision <40 hex digits>, from the data set's page, or ${own}."]]
    }
    return []
}

def isTrue(name) {
    return params[name].toString().toBoolean()
}

def onPath(programs) {
    def folders = System.getenv('PATH').tokenize(':')
    return programs.any { program -> folders.any { folder -> new File(folder, program).canExecute() } }
}

// [exit code, all that it printed] of a command; 127 when there is no such program
def reply(command) {
    try {
        def process = new ProcessBuilder(command.collect { part -> part.toString() }).redirectErrorStream(true).start()
        def text = process.inputStream.text
        return [process.waitFor(), text]
    }
    catch( IOException error ) {
        return [127, error.message]
    }
}
