// What tasks get: the settings as Nextflow joined them from all files, profiles and the command line.

// [process, its labels] of all that will run: a study, or the calibration
def plannedProcesses(calibrate) {
    def found = []
    // no include here: a module with includes can be included only once by the strict parser
    def modules = projectDir.resolve('modules').toRealPath().listFiles().findAll { path -> path.name.endsWith('.nf') }.sort { path -> path.name }
    modules.findAll { path -> (path.name == 'calibration.nf') == calibrate }.each { path ->
        (path.text =~ /(?ms)^process (\w+) \{\n(.*?)^\}/).each { _whole, name, body ->
            found << [name, (body =~ /(?m)^    label '(\w+)'/).collect { _line, label -> label }]
        }
    }
    return found
}

def joinedConfig() {
    return nextflow.Global.session.config
}

// a setting of a process as the files give it, in Nextflow's order: for all, by a label, by its name; closures are not called
def settingOf(name, labels, setting) {
    def scope = joinedConfig().process ?: [:]
    def given = scope.containsKey(setting) ? [scope[setting]] : []
    // a pattern of a site may name the workflows around a process
    def selected = [['withLabel:', labels], ['withName:', [name]], ['withName:', ["STUDY:ANY:${name}".toString()]]]
        .collectMany { kind, names -> chosenBy(scope, setting, kind, names) }
    return given + selected ? (given + selected).last() : null
}

def chosenBy(scope, setting, kind, names) {
    return scope.findAll { key, value -> key.startsWith(kind) && value instanceof Map && value.containsKey(setting) && fits(key.substring(kind.size()), names) }
        .collect { _key, value -> value[setting] }
}

def fits(pattern, names) {
    def negated = pattern.startsWith('!')
    def form = java.util.regex.Pattern.compile(negated ? pattern.substring(1).trim() : pattern)
    return names.any { name -> form.matcher(name).matches() } != negated
}

// the image of a process, or null: a closure is asked as Nextflow asks it
def imageOf(name, labels) {
    def value = settingOf(name, labels, 'container')
    if( value instanceof Closure ) {
        def asked = value.clone()
        asked.delegate = [task: [label: labels, process: name, ext: [:], attempt: 1], params: params, workflow: workflow, projectDir: projectDir, launchDir: launchDir]
        asked.resolveStrategy = Closure.DELEGATE_FIRST
        value = asked.call()
    }
    return value ? value.toString() : null
}

// A site's own runOptions or envWhitelist take the place of the project's: what tasks cannot do without is added again,
// and the names of variables that hold keys of served models.
def completeEngine(engine, keys) {
    // what Nextflow reads for each task from here on
    def scope = nextflow.Global.session.getContainerConfig()
    def given = scope.envWhitelist instanceof Collection ? scope.envWhitelist : (scope.envWhitelist ?: '').toString().tokenize(', ')
    def needed = ['OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS', 'CUDA_VISIBLE_DEVICES', 'VOLFID_CHUNK_STORE', 'VOLFID_DEBUG']
    def caches = ['XDG_CACHE_HOME', 'XDG_CONFIG_HOME', 'MPLCONFIGDIR', 'HF_HOME', 'TORCHINDUCTOR_CACHE_DIR', 'TRITON_CACHE_DIR', 'NUMBA_CACHE_DIR', 'VLLM_CACHE_ROOT']
    def moby = engine in ['docker', 'podman']
    scope.envWhitelist = (given + needed + (moby ? [] : caches) + keys).unique().join(',')
    if( !scope.runOptions.toString().contains('VOLFID_CHUNK_STORE') ) {
        def mount = moby ? '-v "$VOLFID_CHUNK_STORE":"$VOLFID_CHUNK_STORE"' : '--bind "$VOLFID_CHUNK_STORE"'
        scope.runOptions = "${scope.runOptions ?: ''} ${mount}".toString().trim()
    }
}

// one line for each value of a site that the limits take away again; the project's own values are closures
def cappedSettings(processes) {
    def limits = joinedConfig().process?.resourceLimits
    def caps = limits instanceof Map ? limits : [cpus: params.max_cpus, memory: params.max_memory]
    return ['cpus', 'memory'].findAll { setting -> caps[setting] }.collectMany { setting ->
        processes.groupBy { name, labels -> settingOf(name, labels, setting) }
            .findAll { value, _same -> value && !(value instanceof Closure) && amount(setting, value) > amount(setting, caps[setting]) }
            .collect { value, same -> "the configuration gives ${value} of ${setting} to ${same.collect { one -> one[0] }.join(', ')}, and ${limits instanceof Map ? 'process.resourceLimits' : "--max_${setting}"} caps it at ${caps[setting]}: raise that".toString() }
    }
}

def amount(setting, value) {
    return setting == 'cpus' ? value.toString().toLong() : nextflow.util.MemoryUnit.of(value.toString()).toBytes()
}
