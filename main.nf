#!/usr/bin/env nextflow
// volfid: is synthetic text worth generating, and is it volume or fidelity that helps?
// Read from top to bottom, this is the method; each stage is one file in modules/.

include { INPUTS     } from './modules/inputs.nf'
include { PLAN       } from './modules/plan.nf'
include { REGIMES    } from './modules/regimes.nf'
include { GENERATION } from './modules/generation.nf'
include { LABELLING  } from './modules/labelling.nf'
include { CURATION   } from './modules/curation.nf'
include { CHECKS     } from './modules/checks.nf'
include { EMBEDDINGS } from './modules/embeddings.nf'
include { TRAINING   } from './modules/training.nf'
include { FIDELITY   } from './modules/fidelity.nf'
include { RETRIEVAL  } from './modules/retrieval.nf'
include { STATISTICS } from './modules/statistics.nf'
include { REPORT     } from './modules/report.nf'
include { CALIBRATION } from './modules/calibration.nf'
include { chosenSource } from './modules/sources.nf'
include { preflight } from './modules/preflight.nf'
include { showProgress } from './modules/progress.nf'
include { commitOf } from './modules/host.nf'
include { endInTime ; watchEnd } from './modules/closing.nf'
include { writeRecord } from './modules/record.nf'

workflow STUDY {
    take:
    source

    main:
    // documents.jsonl, labels.json, corpus.json: one file each, split and checked
    INPUTS(source)

    // jobs: [stage, [id: 'training__mlp__real__d00__p00', source: 'real', model: null], '{...}']
    PLAN(INPUTS.out.labels, INPUTS.out.corpus, INPUTS.out.documents, INPUTS.out.brought)
    jobs = PLAN.out.jobs

    // regimes: one list of files, a file per draw
    REGIMES(jobs, INPUTS.out.documents, INPUTS.out.labels)
    regimes = REGIMES.out.regimes

    // generations: ['smollm2_135m', generations.jsonl]
    GENERATION(jobs, INPUTS.out.documents, INPUTS.out.labels, regimes)

    // answers: ['smollm2_135m', answers.parquet], what the generator says of the documents when it is asked for labels
    LABELLING(jobs, INPUTS.out.documents, INPUTS.out.labels, regimes)

    // synthetic, trainsets: ['real', a generator, or one of its draws ('smollm2_135m/d00'), file]
    CURATION(jobs, INPUTS.out.documents, INPUTS.out.labels, regimes, GENERATION.out.generations, INPUTS.out.brought)

    // agreement: what a generator that checks labels confirms; empty in a design without checks
    CHECKS(jobs, INPUTS.out.documents, INPUTS.out.labels, CURATION.out.synthetic)

    // stores: ['real' or draw of a generator, folder with embeddings.npy and ids.txt]; views: those without label names, too
    EMBEDDINGS(jobs, INPUTS.out.documents, CURATION.out.synthetic)

    // scores, counts, gaps: one list of files each
    TRAINING(jobs, INPUTS.out.documents, INPUTS.out.labels, REGIMES.out.drawn, CURATION.out.trainsets, CURATION.out.synthetic,
             EMBEDDINGS.out.views, LABELLING.out.answers)

    // fidelity.parquet and retrieval.parquet: every training set, copies included
    FIDELITY(jobs, INPUTS.out.documents, INPUTS.out.labels, CURATION.out.trainsets, CURATION.out.synthetic, EMBEDDINGS.out.stores)
    RETRIEVAL(jobs, INPUTS.out.documents, INPUTS.out.labels, CURATION.out.trainsets, CURATION.out.synthetic, EMBEDDINGS.out.stores)

    // effects, correlations, findings, claims, status
    STATISTICS(jobs, PLAN.out.cells, PLAN.out.plan, INPUTS.out.corpus, TRAINING.out.scores, TRAINING.out.counts, TRAINING.out.gaps,
               CURATION.out.gaps, FIDELITY.out.table, FIDELITY.out.keywords, FIDELITY.out.leaks, RETRIEVAL.out.table, RETRIEVAL.out.tests,
               RETRIEVAL.out.filters, GENERATION.out.generations, CHECKS.out.agreement)

    // report.html, figures, tables; then the exit status says whether every planned cell is there
    manifests = INPUTS.out.manifest.mix(REGIMES.out.manifests, GENERATION.out.manifests, LABELLING.out.manifests, CURATION.out.manifests, CHECKS.out.manifests,
        EMBEDDINGS.out.manifests, TRAINING.out.manifests, FIDELITY.out.manifest, RETRIEVAL.out.manifest, STATISTICS.out.manifests)
    REPORT(jobs, PLAN.out.cells, PLAN.out.plan, INPUTS.out.report_files, regimes, CURATION.out.waterfalls, STATISTICS.out.tables, manifests)
    summary = REPORT.out.summary

    emit:
    summary
}

workflow {
    main:
    preflight()
    showProgress()
    // what the closing block tells, gathered while the run goes on
    def facts = [:]
    watchEnd(facts)
    workflow.onError = { endInTime() }
    workflow.onComplete = {
        facts.complete = true
        writeRecord(commitOf())
    }
    if( params.calibrate.toString() == 'true' ) {
        // no study: worlds with a known mechanism, through the same code
        CALIBRATION()
    } else {
        STUDY(chosenSource())
        STUDY.out.summary.subscribe { summary -> facts.summary = summary }
    }
}
