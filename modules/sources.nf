// What a run is about, by its parameters. No include stands here: a module with includes can be included only once by
// the strict parser of 25.04.

// the design file: the one given, else the demo's, and on graphics cards that for one card
def chosenDesign() {
    def name = params.gpu.toString().toBoolean() ? 'reduced' : 'demo'
    return file((params.design ?: "${projectDir}/params/design/${name}.yaml").toString(), glob: false, checkIfExists: true)
}

// name of a recipe, or a path to one
def recipeFile(name) {
    return file(name.endsWith('.yaml') ? name : "${projectDir}/params/corpora/${name}.yaml", glob: false)
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
