// The images that tasks will run in, looked at before anything starts.

include { isTrue ; reply } from './host.nf'
include { imageOf ; settingOf } from './resolved.nf'
include { chosenSource } from './sources.nf'

// the images are those that the tasks get, whichever file or parameter names them
def imageProblems(processes) {
    def engine = workflow.containerEngine
    def own = processes.findAll { name, labels -> !(settingOf(name, labels, 'container') instanceof Closure) }
    if( !engine ) {
        own.collect { name, labels -> imageOf(name, labels) }.findAll { image -> image }.unique().each { image ->
            System.err.println("volfid: the configuration names the image ${image}, and no engine is on: tasks run without it. Add docker, podman, apptainer or singularity to -profile.")
        }
        return []
    }
    def fetched = chosenSource() ==~ /(corpus|hf):.*/
    def images = processes.findAll { name, _labels -> name != 'FETCH_CORPUS' || fetched }.collect { name, labels -> [name, imageOf(name, labels)] }
    def without = images.findAll { _name, image -> !image }.collect { name, _image -> name }
    if( without ) {
        def needed = isTrue('calibrate') ? ['core', 'cpu'] : ['core', isTrue('gpu') ? 'gpu' : 'cpu']
        def missing = needed.findAll { name -> !params["image_${name}"] }
        return [[69, without.any { name -> name in own.collect { one -> one[0] } } || !missing
            ? "process.container of the configuration names no image for ${without.join(', ')}. Name one by its digest, or leave ${engine} out of -profile."
            : "conf/containers.config names no image for ${missing.join(' and ')}. Build ${missing.size() == 1 ? 'it' : 'them'}: make images IMAGES='${missing.join(' ')}' (docs/running-on-docker.md), or leave ${engine} out of -profile."]]
    }
    return images.collect { _name, image -> image }.unique().collect { image -> imageProblem(engine, image) }.findAll { problem -> problem }
}

def imageProblem(engine, image) {
    def name = ['core', 'cpu', 'gpu'].find { one -> params["image_${one}"] && image.endsWith(params["image_${one}"].toString()) }
    if( image ==~ /[^:]*\.(sif|simg|img)/ && !image.startsWith('/') ) {
        return [64, "process.container: ${image} is taken for the name of a registry's image; give its whole path"]
    }
    if( image.startsWith('/') ) {
        return isTrue('check_host') && !file(image, glob: false).exists() ? [66, "${name ? "--image_${name}" : 'process.container'}: there is no image ${image}"] : null
    }
    if( !(image ==~ /(sha256:|\S+@sha256:)[0-9a-f]{64}/) ) {
        if( name ) {
            return [64, "--image_${name}: ${image} has no digest; give NAME@sha256:... without a tag"]
        }
        System.err.println("volfid: the image ${image} of the configuration has no digest, so that nothing pins what runs in it")
        return null
    }
    def build = name ?: 'core cpu'
    if( image.startsWith('sha256:') && !(engine in ['docker', 'podman']) ) {
        return [69, "the image for ${build} is known to Docker alone. Push it: make images REGISTRY=host/project IMAGES='${build}'"]
    }
    // an id means this machine; a name with a digest is pulled when it is not here
    if( image.startsWith('sha256:') && isTrue('check_host') && reply([engine, 'image', 'inspect', image])[0] != 0 ) {
        return [69, "the image ${image} for ${build} is not on this machine, or ${engine} is not running. Build it: make images IMAGES='${build}'"]
    }
    return null
}
