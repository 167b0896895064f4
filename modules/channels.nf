// Small helpers over channels; nothing here knows what the study is about.

// jobs of one stage: [meta, job]
def ofStage(jobs, stage) {
    return jobs.filter { name, _meta, _job -> name == stage }.map { _name, meta, job -> [meta, job] }
}

// one list of files, in the order of the ids: collected order must not reach a task
def sortedFiles(pairs) {
    return pairs.toSortedList { a, b -> a[0].toString() <=> b[0].toString() }.map { rows -> rows.collect { row -> row[1] } }
}

// what belongs to a source ('real', a generator, 'brought' for all supplied pools), or to one draw of it
def partOf(source, draw) {
    return (draw ? "${source}/${draw}" : source).toString()
}

// whose vectors a part needs beside those of the real documents; supplied documents are the same in every draw
def storeOf(part) {
    def source = part.tokenize('/')[0]
    return source == 'real' ? 'real' : source == 'brought' ? 'brought/d00' : part
}

// parts of single draws whose documents have vectors: a generator whose embedding failed is a gap further on, too
def embeddedParts(parts, stores) {
    return parts.filter { part, _f -> part.contains('/') }.map { part, f -> [storeOf(part), part, f] }
        .combine(stores.map { store, _folder -> [store] }, by: 0)
        .map { _store, part, f -> [part, f] }
}

// prints what the manifests of tasks warn of: their own messages stay in the task's folder
def tellWarnings(manifests) {
    manifests.subscribe { _id, f ->
        new groovy.json.JsonSlurper().parseText(f.text).counts?.warnings?.each { warning -> println "volfid: warning: ${warning}" }
    }
}

// regimes of the one draw of a task, or of all
def regimesOf(meta, rows) {
    return rows.findAll { row -> !meta.draw || row[0] == meta.draw }.collect { row -> row[1] }
}

// the file or folder of exactly that name: [, ] and * in the name of a user's file are no pattern
def onePath(name) {
    return file(name.toString(), glob: false, checkIfExists: true)
}

// what a folder holds; Nextflow lists nothing of a folder that is a link
def listedIn(folder) {
    return file(folder.toString(), glob: false).exists() ? file(folder.toString(), glob: false).toRealPath().listFiles() as List : []
}

// the files of a folder whose names end so, in their order
def filesIn(folder, suffix) {
    return listedIn(folder).findAll { f -> !f.isDirectory() && !f.name.startsWith('.') && f.name.endsWith(suffix) }.sort { f -> f.name }
}

// the folder of a model, or nothing where it has none
def modelFolder(name) {
    def model = file("${params.model_dir}/${name}", glob: false)
    return model.exists() ? model : []
}

// '--name file' for each staged file; nothing for none
def options(name, files) {
    def list = files instanceof List ? files : (files ? [files] : [])
    return list.collect { f -> "--${name} ${f}" }.join(' ')
}

// the same for files of the user, whose names may hold anything
def namedFiles(name, files) {
    def list = files instanceof List ? files : (files ? [files] : [])
    return list.collect { f -> "--${name} '${f.toString().replace("'", "'\\''")}'" }.join(' ')
}

// shell lines that write the job, a value, to job.json
def jobFile(job) {
    return "cat > job.json <<'VOLFID_JOB'\n${job}\nVOLFID_JOB"
}

// paths of a parameter that may name several, separated by commas; a comma of a path that exists is its own
def listedPaths(value) {
    def text = value == null ? '' : value.toString()
    def whole = !text || file(text, glob: false).exists()
    return whole ? [text].findAll { path -> path } : text.split(',').collect { part -> part.trim() }.findAll { part -> part }
}

// a digest of the files of a folder by name, size and date: Nextflow hashes a folder without looking into it
def fileDigest(source) {
    if( !(source instanceof java.nio.file.Path) || !java.nio.file.Files.isDirectory(source) ) {
        return ''
    }
    def listed = source.listFiles().sort { f -> f.name }.collect { f -> "${f.name} ${f.size()} ${f.lastModified()}" }
    return java.security.MessageDigest.getInstance('SHA-256').digest(listed.join('\n').getBytes('UTF-8')).encodeHex().toString() + ' '
}

// SHA-256 of what a small file holds
def contentDigest(path) {
    return java.security.MessageDigest.getInstance('SHA-256').digest(path.bytes).encodeHex().toString()
}

// SHA-256 over names and content of code below bin/, for the one cached task that runs before the planner
def codeDigest(paths) {
    def bin = projectDir.resolve('bin')
    def found = []
    paths.each { rel ->
        def p = bin.resolve(rel)
        if( p.isDirectory() ) {
            p.eachFileRecurse { f -> if( f.name.endsWith('.py') ) { found << f } }
        } else {
            found << p
        }
    }
    def digest = java.security.MessageDigest.getInstance('SHA-256')
    found.sort { f -> bin.relativize(f).toString() }.each { f ->
        digest.update(bin.relativize(f).toString().getBytes('UTF-8'))
        digest.update(f.bytes)
    }
    return digest.digest().encodeHex().toString()
}
