// changed.c: a done shard against its input.
#include "config.h"

#include "scheduler/changed.h"

#include <string.h>

#include "io/outdir/input.h"

static void tell_way_out(grus_error *error)
{
    static const char way_out[] = "; run.on_changed redo does it anew, keep lets it be";
    size_t length = strlen(error->cause);
    if (length + sizeof way_out <= sizeof error->cause)
        memcpy(error->cause + length, way_out, sizeof way_out);
}

static grus_status judge_done(grus_shared *shared, const grus_shard *shard, const grus_manifest *manifest,
                              grus_done_kind *kind, grus_error *error)
{
    bool changed;
    grus_status status = grus_input_compare(manifest, shard->path, shared->stop, &changed, error);
    *kind = GRUS_DONE_STAYS;
    if (status == GRUS_OK && !changed)
        return GRUS_OK;
    if (status != GRUS_OK && status != GRUS_E_INPUT)
        return status;
    *kind = GRUS_DONE_FAILS;
    if (status == GRUS_OK && shared->job->options->on_changed == GRUS_CHANGED_KEEP)
        *kind = GRUS_DONE_KEPT;
    else if (status == GRUS_OK && shared->job->options->on_changed == GRUS_CHANGED_REDO)
        *kind = GRUS_DONE_REDO;
    if (*kind != GRUS_DONE_FAILS)
        return GRUS_OK;
    tell_way_out(error);
    grus_shared_shard_error(shared, shard, error);
    return GRUS_OK;
}

grus_status grus_changed_judge(grus_shared *shared, const grus_shard *shard, grus_done_kind *kind, grus_error *error)
{
    grus_manifest manifest;
    grus_status status = GRUS_OK;
    *kind = GRUS_DONE_NOT;
    if (grus_manifest_find_done(shared->outdir, shard->stem, shared->job->suffix, &manifest) &&
        strcmp(manifest.run, shared->run) == 0) {
        *kind = GRUS_DONE_STAYS;
        if (!shard->fault)
            status = judge_done(shared, shard, &manifest, kind, error);
    }
    grus_manifest_free(&manifest);
    return status;
}
