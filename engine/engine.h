// engine.h: the engine's front door: a batch of sequences in, results out. Everything above calls only this.
//
// Knows tensors, lanes and models; knows no files, threads, JSON or text. A grus_engine is immutable and shared by all
// workers; an arena belongs to one worker. A result depends on its own sequence alone, to the last bit:
// neither the batch it came in, nor the place in it, nor the number of lanes changes it.
#ifndef GRUS_ENGINE_ENGINE_H
#define GRUS_ENGINE_ENGINE_H

#include "base/model_config.h"
#include "base/tensor.h"
#include "engine/batch.h"

typedef struct grus_engine grus_engine;

// Reads every tensor that config needs (shapes checked, floats converted, weights packed). config must outlive the
// engine; its vocab sizes, where 0, are taken from the embedding tensors. Fails with GRUS_E_MODEL or GRUS_E_MEMORY.
grus_status grus_engine_build(const grus_config *config, const grus_tensors *tensors, grus_compute_type compute,
                              grus_engine **engine, grus_error *error);
void grus_engine_free(grus_engine *engine);

typedef struct grus_engine_facts {
    const char *kernel;                // its name
    size_t source_vocab, target_vocab; // rows of the embeddings; 0 where there is none
    size_t parameters;                 // floats of the tensors used
    size_t weight_bytes;               // packed weights and tables
    size_t weight_memory;              // taken from the system for them
    double encoder_flops;              // a source position, the front included
    double decoder_flops;              // a generated token of a hypothesis by itself, attention left out
    size_t lanes;                      // lanes a batch is laid over, and rows a decoder step holds, at most
    size_t tile;                       // lanes that are computed together
    size_t position_bytes;             // workspace a source position of a batch
    size_t lane_bytes;                 // workspace a lane
} grus_engine_facts;
grus_engine_facts grus_engine_describe(const grus_engine *engine);

// Runs the batch and fills results (n), which live in work's arena until its next use; what it held before is forgotten.
// Fails only with GRUS_E_MEMORY (nothing is then valid) or GRUS_E_INTERRUPTED.
grus_status grus_infer(const grus_engine *engine, const grus_batch *batch, const grus_infer_options *options,
                       const grus_work *work, grus_result *results);

// The most bytes that an arena takes from the system for any batch within these bounds; cells are attention weights,
// steps times source positions summed over the records. Forced targets count among the positions.
size_t grus_workspace_bound(const grus_engine *engine, const grus_infer_options *options, size_t positions,
                            size_t records, size_t cells);

#endif
